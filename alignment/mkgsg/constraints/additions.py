"""Rules that add to a text or keep it short: keywords, letters, length. They go first; their "less than" forms, which measure, go last."""

import re
from collections.abc import Callable

from alignment.mkgsg.constraints.content import Constraint, Content, Rule
from alignment.mkgsg.constraints.wording import NOTES, NUMBERS
from alignment.mkgsg.workflow import listed
from alignment.mkgsg.writer import Writer
from core.types import Check
from evals.scorers.format.tokens import sentence_count, word_count

_PLAIN_WORD = re.compile(r"(?<![\w-])[a-z]{5,}(?![\w-])")
_AGAIN = ("In short: {}.", "To repeat: {}.", "Once more: {}.", "As said: {}.")


def notes(w: Writer, n: int) -> list[str]:
    return w.rng.sample(NOTES, n)


def quoted(words: list[str]) -> str:
    return listed([f'"{word}"' for word in words])


def number(n: int, w: Writer) -> str:
    return w.rng.choice((str(n), NUMBERS.get(n, str(n))))


def _count(word: str, text: str) -> int:
    return text.lower().count(word.lower())


def _longer_until(text: str, w: Writer, is_enough: Callable[[str], bool]) -> str:
    for note in notes(w, len(NOTES)):
        if is_enough(text):
            return text
        text = f"{text} {note}"
    return text


def keyword_existence(text: str, content: Content, w: Writer) -> Constraint | None:
    added = notes(w, w.rng.randint(1, 2))
    keywords = [w.rng.choice(_PLAIN_WORD.findall(note)) for note in added]
    check = Check(kind="keywords:existence", args={"keywords": keywords})
    return Constraint(check, {"words": quoted(keywords)}, " ".join((text, *added)), text)


def keyword_at_least(text: str, content: Content, w: Writer) -> Constraint | None:
    word = content.topic if content.key == "dose" else w.rng.choice(content.labels)  # an amount alone could be any drug's
    n = w.rng.randint(2, 3)
    repeated = [again.format(word) for again in w.rng.sample(_AGAIN, max(0, n - _count(word, text)))]
    check = Check(kind="keywords:frequency", args={"keyword": word, "frequency": n, "relation": "at least"})
    return Constraint(check, {"word": f'"{word}"', "n": number(n, w)}, " ".join((text, *repeated)), text, "at least")


def keyword_less_than(text: str, content: Content, w: Writer) -> Constraint | None:
    word = content.topic if content.key == "dose" else w.rng.choice(content.labels)  # an amount alone could be any drug's
    n = _count(word, text) + 1
    if n > len(_AGAIN):
        return None
    check = Check(kind="keywords:frequency", args={"keyword": word, "frequency": n, "relation": "less than"})
    plain = " ".join((text, *(again.format(word) for again in w.rng.sample(_AGAIN, n))))
    return Constraint(check, {"word": f'"{word}"', "n": number(n, w)}, text, plain, "less than")


def forbidden_words(text: str, content: Content, w: Writer) -> Constraint | None:
    """Words of a note that is then left out, or words of the answer itself, which is then given by its bare name."""
    if text == content.text and content.labels_suffice and w.rng.random() < 0.5:
        said = set(_PLAIN_WORD.findall(text)) - set(_PLAIN_WORD.findall(content.bare.lower()))
        text, plain = content.bare, text
    else:
        note = w.rng.choice(NOTES)
        said = set(_PLAIN_WORD.findall(note)) - set(_PLAIN_WORD.findall(text.lower()))
        plain = f"{text} {note}"
    if not said:
        return None
    words = w.rng.sample(sorted(said), min(len(said), w.rng.randint(1, 3)))
    return Constraint(Check(kind="keywords:forbidden_words", args={"forbidden_words": words}), {"words": quoted(words)}, text, plain)


def letter_at_least(text: str, content: Content, w: Writer) -> Constraint | None:
    longer = " ".join((text, *notes(w, w.rng.randint(1, 2))))
    letter = w.rng.choice("abcdefghiklmnoprstuvw")
    n = _count(letter, longer)
    if n <= _count(letter, text):
        return None
    check = Check(kind="keywords:letter_frequency", args={"letter": letter, "let_frequency": n, "let_relation": "at least"})
    return Constraint(check, {"letter": quoted([letter]), "n": number(n, w)}, longer, text, "at least")


def letter_less_than(text: str, content: Content, w: Writer) -> Constraint | None:
    letter = w.rng.choice("abcdefghiklmnoprstuvwy")
    n = _count(letter, text) + 1
    check = Check(kind="keywords:letter_frequency", args={"letter": letter, "let_frequency": n, "let_relation": "less than"})
    plain = _longer_until(text, w, lambda t: _count(letter, t) >= n)
    return Constraint(check, {"letter": quoted([letter]), "n": number(n, w)}, text, plain, "less than")


def sentences_at_least(text: str, content: Content, w: Writer) -> Constraint | None:
    longer = " ".join((text, *notes(w, w.rng.randint(1, 3))))
    n = sentence_count(longer)
    check = Check(kind="length_constraints:number_sentences", args={"num_sentences": n, "relation": "at least"})
    return Constraint(check, {"n": number(n, w)}, longer, text, "at least")


def sentences_less_than(text: str, content: Content, w: Writer) -> Constraint | None:
    n = sentence_count(text) + w.rng.randint(1, 2)
    check = Check(kind="length_constraints:number_sentences", args={"num_sentences": n, "relation": "less than"})
    plain = " ".join((text, *notes(w, 3)))
    return Constraint(check, {"n": number(n, w)}, text, plain, "less than")


def words_at_least(text: str, content: Content, w: Writer) -> Constraint | None:
    longer = " ".join((text, *notes(w, w.rng.randint(1, 3))))
    n = w.rng.randint(word_count(text) + 1, word_count(longer))
    check = Check(kind="length_constraints:number_words", args={"num_words": n, "relation": "at least"})
    return Constraint(check, {"n": str(n)}, longer, text, "at least")


def words_less_than(text: str, content: Content, w: Writer) -> Constraint | None:
    n = word_count(text) + w.rng.randint(1, 6)
    check = Check(kind="length_constraints:number_words", args={"num_words": n, "relation": "less than"})
    return Constraint(check, {"n": str(n)}, text, _longer_until(text, w, lambda t: word_count(t) >= n), "less than")


FIRST: tuple[Rule, ...] = (keyword_existence, keyword_at_least, letter_at_least, sentences_at_least, words_at_least)
LAST: tuple[Rule, ...] = (keyword_less_than, letter_less_than, sentences_less_than, words_less_than)
