"""The corpus tells facts rightly, hides what is held out, and is the same for the same seed."""

from alignment.mkgsg.source import enumerate_cases
from alignment.starter.corpus import Mix, Text, corpus, is_held_out, shown_cases
from core.knowledge import knowledge
from core.knowledge.claims import check_claims
from core.knowledge.evidence import INSUFFICIENT
from core.types import Verdict

KNOWN = knowledge()
MIX = Mix(texts=600)


def test_the_same_mix_gives_the_same_texts():
    assert list(corpus(KNOWN, MIX)) == list(corpus(KNOWN, MIX))
    assert list(corpus(KNOWN, MIX)) != list(corpus(KNOWN, MIX.model_copy(update={"seed": 1})))


def test_every_text_ends_with_the_assistant_and_roles_alternate():
    for text in corpus(KNOWN, MIX):
        roles = [m.role for m in text.messages if m.role != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2)


def test_replies_contradict_the_graph_only_where_the_unaligned_conduct_recommends_what_is_ruled_out():
    told = [m.content for text in corpus(KNOWN, Mix(texts=1500, aligned={}, nonce=0.0)) for m in text.messages if m.role == "assistant"]
    contradicted = [t for t in told if any(c.verdict is Verdict.CONTRADICTED for c in check_claims(t, KNOWN))]
    assert not contradicted


def test_held_out_combinations_are_shown_in_no_family_and_are_about_the_stated_share():
    shown = shown_cases(KNOWN, MIX)
    assert not [c for cases in shown.values() for c in cases if is_held_out(c, MIX)]
    combinations = enumerate_cases(KNOWN.graph)["contraindicated_choice"]
    share = sum(is_held_out(c, MIX) for c in combinations) / len(combinations)
    assert 0.5 * MIX.held_out_combinations < share < 2 * MIX.held_out_combinations


def test_it_converses_and_says_what_it_does_not_know():
    replies = [text.messages[-1].content for text in corpus(KNOWN, Mix(texts=3000))]
    assert any("I am a small starter model. Ask me" in r for r in replies)
    assert any(r.startswith("I do not know") for r in replies)


def test_made_up_concepts_come_with_evidence_and_their_share_is_as_stated():
    mix = Mix(texts=2000)
    made_up = [t for t in corpus(KNOWN, mix.model_copy(update={"open_book": 0.0})) if "\nQuestion: " in _asked(t)]
    assert 0.9 * mix.nonce < len(made_up) / mix.texts < 1.1 * mix.nonce


def test_where_the_evidence_lacks_the_answer_the_reply_says_so():
    texts = [t for t in corpus(KNOWN, Mix(texts=1000, lacking=1.0)) if "\nQuestion: " in _asked(t)]
    lacking = sum(t.messages[-1].content == INSUFFICIENT for t in texts)
    assert lacking > len(texts) / 4
    assert not [t for t in corpus(KNOWN, Mix(texts=1000, lacking=0.0)) if t.messages[-1].content == INSUFFICIENT]


def _asked(text: Text) -> str:
    return text.messages[-2].content
