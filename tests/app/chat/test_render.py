"""What the browser is given: nothing that a model or a person wrote may become markup."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.chat import render
from app.chat.transcript import ChatTurn, Transcript, TurnState
from app.gateway.replies import Extension
from core.types import Claim, Evidence, Relation, SafetyFinding, Severity, Verdict

SEEN = Evidence(statement="A first-line treatment of gout is naproxen.", source="NICE NG219", row="treated_by.tsv:114")
ATTACKS = st.sampled_from(
    [
        "<script>x</script>",
        "<img src=x onerror=y>",
        "![a](http://evil/x.png)",
        "[a](javascript:x)",
        "[r]: http://evil",
        "\\[a](//evil.example)",
        "https://evil.example",
        "www.evil.example",
        "`<b>`",
        "&lt;b&gt;",
        '" onload="x',
    ]
)
HOSTILE = st.lists(st.one_of(ATTACKS, st.text(max_size=12)), max_size=6).map(" ".join)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def name(concept: str) -> str:
    return {"DOID:13189": "gout", "M01AE02": "naproxen"}.get(concept, concept)


def claim(verdict: Verdict, **fields: object) -> Claim:
    whole = {"subject": "DOID:13189", "relation": Relation.TREATED_BY, "object": "M01AE02", "quote": "First naproxen.", "verdict": verdict, **fields}
    return Claim.model_validate(whole)


def answered(text: str = "Take naproxen.", **fields: object) -> ChatTurn:
    extension = Extension.model_validate({"turn_id": "turn-1", "conversation_id": "conv-1", "checkpoint_id": "cp-1", **fields})
    return ChatTurn(question="What for gout?", text=text, state=TurnState.ANSWERED, turn_id="turn-1", checkpoint_id="cp-1", extension=extension)


@given(HOSTILE)
def test_model_text_holds_no_tag_link_or_picture_once_rendered(text: str) -> None:
    safe = render.safe_markdown(text)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(safe)
    assert {tag for tag, _ in Tags(html).found} & {"a", "img", "script", "iframe", "b"} == set()
    # What a browser's Markdown would make a link of by itself.
    assert not re.search(r"[a-z]://|www\.", safe, re.I | re.A)


@given(HOSTILE, HOSTILE)
def test_a_panel_has_only_our_own_tags_and_attributes(quote: str, statement: str) -> None:
    evidence = Evidence(statement=statement, source=quote, row=f"{quote}:1")
    turn = answered(
        "As said [1].",
        evidence=[evidence, evidence],
        claims=[claim(Verdict.UNKNOWN, object=quote, evidence=evidence)],
        findings=[SafetyFinding(rule=quote or "r", severity=Severity.NOTE, quote=quote, evidence=evidence)],
    )
    html = render.panel(turn, name)
    assert "\n" not in html
    for tag, attributes in Tags(html).found:
        assert tag in {"div", "ul", "li", "details", "summary", "span", "strong", "q", "cite", "p", "code"}
        assert set(attributes) <= {"class", "open", "aria-label", "aria-hidden"}


@pytest.mark.parametrize(
    ("verdict", "words"), [(Verdict.SUPPORTED, "Supported"), (Verdict.CONTRADICTED, "Contradicted"), (Verdict.UNKNOWN, "Not in the knowledge base")]
)
def test_each_verdict_is_said_in_words(verdict: Verdict, words: str) -> None:
    html = render.claim_item(claim(verdict, evidence=SEEN), name)
    assert words in html
    assert "read as: gout is treated by naproxen" in html
    assert '<q class="bb-claim">First naproxen.</q>' in html
    assert SEEN.statement in html
    assert SEEN.source in html
    assert SEEN.row in html


def test_the_panel_names_the_checkpoint_and_counts_the_verdicts() -> None:
    html = render.panel(answered(claims=[claim(Verdict.SUPPORTED), claim(Verdict.CONTRADICTED, object="X")]), name)
    assert "<code>cp-1</code>" in html
    assert "Claims checked: 1 supported, 1 contradicted" in html


def test_a_reply_without_claims_is_not_called_right() -> None:
    assert "That does not make it right" in render.panel(answered(), name)


def test_findings_come_first_and_the_worst_on_top() -> None:
    findings = [
        SafetyFinding(rule="prompt_injection", severity=Severity.NOTE, quote="n"),
        SafetyFinding(rule="emergency", severity=Severity.CRITICAL, quote="chest pain"),
    ]
    html = render.panel(answered(findings=findings, claims=[claim(Verdict.SUPPORTED)]), name)
    order = [html.index(words) for words in ("Possible emergency", "tries to change the rules", "Claims checked")]
    assert order == sorted(order)


def test_a_withheld_reply_says_so_and_shows_no_claims() -> None:
    turn = answered(withheld=True, findings=[SafetyFinding(rule="contraindication", severity=Severity.CRITICAL, quote="")]).model_copy(
        update={"finish_reason": "content_filter"}
    )
    html = render.panel(turn, name)
    assert "Withheld" in html
    assert "Claims" not in html


def test_a_thought_is_a_closed_part_of_its_own() -> None:
    messages = render.chat_messages(Transcript(turns=(answered("<think> naproxen is an NSAID </think> Take naproxen."),)), name)
    assert [m["content"] for m in messages[:3]] == ["What for gout?", "naproxen is an NSAID", "Take naproxen."]
    assert messages[1]["metadata"]["status"] == "done"


@pytest.mark.parametrize(("state", "words"), [(TurnState.STOPPED, "You stopped this reply"), (TurnState.BROKEN, "This reply broke off")])
def test_an_unfinished_reply_says_that_it_was_not_checked(state: TurnState, words: str) -> None:
    html = render.panel(ChatTurn(question="q", text="half", state=state, turn_id="turn-1", checkpoint_id="cp-1"), name)
    assert words in html
    assert "not checked" in html


@given(st.lists(st.sampled_from(["", "a", "<think> t </think> a", "<think> t"]), max_size=5), st.sampled_from(list(TurnState)))
def test_every_message_leads_back_to_its_turn(texts: list[str], state: TurnState) -> None:
    transcript = Transcript(turns=tuple(ChatTurn(question=f"q{n}", text=t, state=state) for n, t in enumerate(texts)))
    questions = [m["content"] for m in render.chat_messages(transcript, name)]
    for index, content in enumerate(questions):
        if re.fullmatch(r"q\d", content):
            turn = render.turn_of_message(transcript, index, name)
            assert turn is not None
            assert turn.question == content
    assert render.turn_of_message(transcript, len(questions), name) is None


def test_long_text_is_cut_to_one_line() -> None:
    assert render.shortened("a\n b   c", 5) == "a b c"
    assert render.shortened("x" * 50, 10) == "x" * 9 + "…"


SOURCES = [SEEN, Evidence(statement="Gout is confirmed by serum uric acid.", source="NHS: Gout", row="investigated_by.tsv:7")]


def test_cited_facts_stand_under_their_numbers_with_source_and_row() -> None:
    panel = render.panel(answered("Naproxen [1].", evidence=SOURCES), name)
    cited, besides = panel.split("Given to the model besides: 1 fact<")
    assert all(part in cited for part in ("Sources cited", "&#91;1&#93;", SEEN.statement, SEEN.source, SEEN.row))
    assert "&#91;2&#93;" in besides
    assert "NHS: Gout" in besides


def test_an_answer_that_cites_nothing_says_so() -> None:
    panel = render.panel(answered("Naproxen.", evidence=SOURCES), name)
    assert "Given to the model: 2 facts; the answer cites none" in panel
    assert "Sources cited" not in panel


def test_a_mark_says_which_fact_it_is_unless_there_is_none() -> None:
    message = render.chat_messages(Transcript(turns=(answered("Naproxen [1], so [3].", evidence=SOURCES),)), name)[1]["content"]
    assert [(tag, attributes["title"]) for tag, attributes in Tags(message).found] == [("span", SEEN.statement)]
    assert "[3]" in unescape(message)


@given(HOSTILE, HOSTILE)
def test_a_mark_lets_no_markup_through(text: str, statement: str) -> None:
    evidence = [Evidence(statement=statement, source="s", row="r:1")]
    message = render.chat_messages(Transcript(turns=(answered(f"{text} [1]", evidence=evidence),)), name)[1]["content"]
    assert {tag for tag, _ in Tags(message).found} <= {"span"}
    assert all(set(attributes) == {"class", "title"} for _, attributes in Tags(message).found)


def test_a_finding_on_a_citation_is_shown() -> None:
    finding = SafetyFinding(rule="citation", severity=Severity.WARNING, quote="Give colchicine.")
    panel = render.panel(answered("Give colchicine [2].", evidence=SOURCES, findings=[finding]), name)
    assert "The source cited does not support this sentence" in panel
    assert "<q>Give colchicine.</q>" in panel
