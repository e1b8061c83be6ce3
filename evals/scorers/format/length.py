"""IFEval's length instructions: sentences, paragraphs, words."""

import re
from collections.abc import Callable, Mapping

from core.errors import BadInput
from evals.scorers.format.arguments import Count, Relation, Text, compare
from evals.scorers.format.tokens import sentence_count, word_count

_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_ENDS_WORD = re.compile(r"[.,?!'\"]")


def _number_sentences(answer: str, num_sentences: Count, relation: Relation) -> bool:
    return compare(sentence_count(answer), relation, num_sentences)


def _number_words(answer: str, num_words: Count, relation: Relation) -> bool:
    return compare(word_count(answer), relation, num_words)


def _number_paragraphs(answer: str, num_paragraphs: Count) -> bool:
    """That many paragraphs parted by `***`; a divider may open or close the text, but no paragraph between two may be empty."""
    first, *middle, last = ("", *_DIVIDER.split(answer)) if "***" not in answer else _DIVIDER.split(answer)
    return all(p.strip() for p in middle) and bool(first.strip()) + len(middle) + bool(last.strip()) == num_paragraphs


def _nth_paragraph_first_word(answer: str, num_paragraphs: Count, nth_paragraph: Count, first_word: Text) -> bool:
    """Paragraphs are parted by an empty line. Raises BadInput when the paragraph lies beyond the last."""
    if nth_paragraph > num_paragraphs:
        raise BadInput(f"Check 'length_constraints:nth_paragraph_first_word': there is no paragraph {nth_paragraph} of {num_paragraphs}")
    paragraphs = answer.split("\n\n")
    if sum(bool(p.strip()) for p in paragraphs) != num_paragraphs:
        return False
    # IFEval counts empty paragraphs here though it does not above.
    words = paragraphs[nth_paragraph - 1].split()
    return bool(words) and _ENDS_WORD.split(words[0].lstrip("'").lstrip('"'))[0].lower() == first_word.lower()


LENGTH: Mapping[str, Callable[..., bool]] = {
    "length_constraints:number_sentences": _number_sentences,
    "length_constraints:number_words": _number_words,
    "length_constraints:number_paragraphs": _number_paragraphs,
    "length_constraints:nth_paragraph_first_word": _nth_paragraph_first_word,
}
