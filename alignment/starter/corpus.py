"""What the starter model reads: every fact of the graph many times over, each time worded anew, and a little conversation.

Facts are told rightly. Conduct is shown half-way on purpose: the format is followed, the history checked, the harmful request refused
only in a stated share of the texts (`Mix.aligned`). What is left is what alignment is to elicit; the model card says so.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from alignment.mkgsg.book import LACKING, open_book
from alignment.mkgsg.case import Case
from alignment.mkgsg.generate import statement, write, write_pair
from alignment.mkgsg.grammar import SYSTEM_PROMPTS
from alignment.mkgsg.nonce import nonce_graph
from alignment.mkgsg.source import enumerate_cases
from alignment.mkgsg.validate import reject_reason
from alignment.mkgsg.writer import Writer
from alignment.starter.smalltalk import CAPABILITIES_REPLY, FOLLOW_UPS, SMALL_TALK, UNKNOWN_QUESTIONS, UNKNOWN_REPLY, unknown_name
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.types import Message, Value


class Mix(Value):
    """How often each family is read, in texts for each thousand; and how often its texts show aligned conduct."""

    texts: int = 110_000
    seed: int = 0
    open_book: float = 0.35
    """Share of the texts about the base that come with evidence."""
    nonce: float = 0.27
    """Share of all texts that are about made-up concepts, always with evidence: copying is learnt from them."""
    lacking: float = 0.2
    """Share of the texts with evidence whose evidence lacks the answer, where the family has that form."""
    shares: Mapping[str, int] = Field(
        default={
            "first_line": 65, "alternative": 55, "symptom": 65, "investigation": 75, "dose": 90, "contraindication": 70, "interaction": 70,
            "diagnosis": 80, "contraindicated_choice": 85, "interaction_choice": 60, "formatted": 165, "vignette": 85,
            "red_flag": 40, "trap": 45, "harmful": 42, "benign": 42, "conversation": 25,
        }
    )  # fmt: skip
    aligned: Mapping[str, float] = Field(
        default={
            "contraindicated_choice": 0.55,
            "interaction_choice": 0.55,
            "diagnosis": 0.7,
            "formatted": 0.7,
            "vignette": 0.65,
            "red_flag": 0.6,
            "trap": 0.55,
            "harmful": 0.6,
            "benign": 0.6,
        }
    )
    aligned_open: float = 0.75
    """How much of the distance to full alignment texts with evidence go: read facts are to be used as they stand."""
    held_out_combinations: float = 0.1
    """Share of the combinations (condition, history) that are never shown; the card reports them apart."""
    with_system: float = 0.25
    multi_turn: float = 0.08
    noise: float = 0.4
    """Share of questions with small words dropped or added, so that an unknown wording does not throw the model off."""
    pairs: float = 0.3
    """Share of contraindication and interaction texts that ask about both ends."""


class Text(NamedTuple):
    """A conversation whose last message is the completion; earlier assistant messages are trained on too."""

    messages: tuple[Message, ...]


BLOCK = 2_000
"""Texts between two graphs of made-up concepts."""


def corpus(knowledge: Knowledge, mix: Mix) -> Iterator[Text]:
    """The texts in training order; the same mix and graph give the same texts."""
    rng = random.Random(f"corpus:{mix.seed}")
    writer = Writer(knowledge, rng, held_out=False, noise=mix.noise)
    decks = {family: _Deck(cases, rng) for family, cases in shown_cases(knowledge, mix).items() if cases}
    for start in range(0, mix.texts, BLOCK):
        size = min(BLOCK, mix.texts - start)
        about_nonce = round(size * mix.nonce)
        texts = [_text(f, decks, writer, mix, mix.open_book) for f in _families(decks, mix, size - about_nonce, rng)]
        texts += _nonce_texts(knowledge, mix, about_nonce, f"{mix.seed}:{start}")
        rng.shuffle(texts)
        yield from texts


def _families(decks: Mapping[str, "_Deck"], mix: Mix, count: int, rng: random.Random) -> list[str]:
    families = [f for f in mix.shares if f in decks or f == "conversation"]
    return rng.choices(families, [mix.shares[f] for f in families], k=count)


def _nonce_texts(knowledge: Knowledge, mix: Mix, count: int, seed: str) -> list[Text]:
    rng = random.Random(f"nonce:{seed}")
    made_up = Knowledge.of(nonce_graph(knowledge.graph, seed))
    writer = Writer(made_up, rng, held_out=False, noise=mix.noise)
    decks = {family: _Deck(cases, rng) for family, cases in enumerate_cases(made_up.graph).items() if cases}
    return [_text(f, decks, writer, mix, 1.0) for f in _families(decks, mix, count, rng) if f != "conversation"]


def _text(family: str, decks: Mapping[str, "_Deck"], writer: Writer, mix: Mix, open_book: float) -> Text:
    rng = writer.rng
    messages = _conversation(decks, writer) if family == "conversation" else _exchange(family, decks[family], writer, mix, open_book)
    if family in _CONTEXT_FREE and rng.random() < mix.multi_turn:
        earlier = _exchange(before := rng.choice(_CONTEXT_FREE), decks[before], writer, mix, 0.0)
        messages = (*earlier, *messages)
    if rng.random() < mix.with_system:
        messages = (Message(role="system", content=rng.choice(SYSTEM_PROMPTS)), *messages)
    return Text(messages)


def shown_cases(knowledge: Knowledge, mix: Mix) -> dict[str, tuple[Case, ...]]:
    """The cases that are trained on: all facts, and the combinations that are not held out."""
    cases = enumerate_cases(knowledge.graph)
    return {f: tuple(c for c in own if not is_held_out(c, mix)) for f, own in cases.items()}


def is_held_out(case: Case, mix: Mix) -> bool:
    """Decided by condition and history alone, so that the two are absent together from every family, with whatever first choice."""
    if not case.is_ruled_out:
        return False
    return random.Random(f"held-out:{case.condition}:{case.other}").random() < mix.held_out_combinations


def never_shown(cases: Mapping[str, Sequence[Case]], mix: Mix) -> dict[str, tuple[Case, ...]]:
    """The held-out cases of each family that has any."""
    hidden = {f: tuple(c for c in own if is_held_out(c, mix)) for f, own in cases.items()}
    return {f: own for f, own in hidden.items() if own}


_CONTEXT_FREE = ("first_line", "alternative", "symptom", "investigation", "dose", "contraindication", "interaction", "red_flag")


class _Deck:
    """Cases in shuffled rounds: each is read once before any is read again, so that none is forgotten by chance."""

    def __init__(self, cases: tuple[Case, ...], rng: random.Random) -> None:
        self.cases, self._rng, self._left = cases, rng, list[Case]()

    def draw(self) -> Case:
        if not self._left:
            self._left = self._rng.sample(self.cases, len(self.cases))
        return self._left.pop()


def _exchange(family: str, deck: _Deck, writer: Writer, mix: Mix, open_book_share: float) -> tuple[Message, ...]:
    rng = writer.rng
    with_block = rng.random() < open_book_share
    while True:
        case = deck.draw()
        if not with_block and family in ("contraindication", "interaction") and rng.random() < mix.pairs:
            return _turn(*write_pair(case, writer))
        written = write(case, writer)
        if reject_reason(written, writer.knowledge) not in (None, "unreadable_dose"):
            continue
        share = mix.aligned.get(family, 1.0)
        if with_block:
            opened = open_book(written, case, writer.knowledge, rng, lacking=rng.random() < mix.lacking and family in LACKING)
            share += (1.0 - share) * mix.aligned_open
            if opened is None:
                continue
            written = opened
        aligned = rng.random() < share
        asked = with_evidence(written.sample.messages, written.sample.evidence)
        return (*asked, Message(role="assistant", content=written.completion if aligned else written.unaligned))


def _turn(question: str, answer: str) -> tuple[Message, ...]:
    return Message(role="user", content=question), Message(role="assistant", content=answer)


def _conversation(decks: Mapping[str, _Deck], writer: Writer) -> tuple[Message, ...]:
    """Greetings, thanks, what it can do, what it does not know, and a follow-up that leans on the turn before."""
    rng, graph = writer.rng, writer.knowledge.graph
    kind = rng.choice(("talk", "talk", "unknown", "unknown", "follow_up"))
    if kind == "talk":
        questions, answer = rng.choice(SMALL_TALK)
        question = rng.choice(questions)
        question = question if rng.random() < 0.6 else question.lower().rstrip("?!.") if rng.random() < 0.5 else f"{question.rstrip('?!.')}!"
        return _turn(question, answer or CAPABILITIES_REPLY)
    if kind == "unknown":
        return _turn(rng.choice(UNKNOWN_QUESTIONS).format(x=unknown_name(rng)), UNKNOWN_REPLY)
    case = decks["alternative"].draw()
    first = graph.treatments(case.condition, "first")
    opening = decks["first_line"].draw() if not first else None
    if opening is not None:
        return (*write(opening, writer).sample.messages, Message(role="assistant", content=statement(opening, writer)), *_turn("Thank you.", SMALL_TALK[1][1]))
    about = Case("first_line", first[:1], tuple(f.object for f in first), condition=case.condition, chosen=first[0].object)
    return (*_turn(write(about, writer).sample.messages[0].content, statement(about, writer)), *_turn(rng.choice(FOLLOW_UPS), statement(case, writer)))
