"""Walk: a chat turn, through the public OpenAI client, unmodified."""

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.flow


def test_the_openai_client_streams_an_answer_that_names_its_checkpoint(stack: Stack) -> None:
    chunks = list(
        stack.openai().chat.completions.create(
            model="balancedbio", messages=[{"role": "user", "content": "What is the first-line treatment of gout?"}], stream=True, temperature=0
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    assert len(text) > 3
    extension = (chunks[-1].model_extra or {})["balancedbio"]
    production = next(c["id"] for c in stack.api("GET", "checkpoints")["data"] if c["status"] == "production")
    assert extension["checkpoint_id"] == production
    assert extension["turn_id"].startswith("turn-")


def test_a_whole_answer_carries_claims_with_their_source_and_takes_feedback(stack: Stack) -> None:
    answer = stack.openai().chat.completions.create(
        model="balancedbio", messages=[{"role": "user", "content": "Which investigation confirms asthma?"}], temperature=0, max_tokens=64
    )
    extension = (answer.model_extra or {})["balancedbio"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    for claim in extension["claims"]:
        assert claim["verdict"] in {"supported", "contradicted", "unknown"}
        assert (claim["verdict"] == "unknown") or claim["evidence"]["source"]
    stored = stack.api("POST", "feedback", {"turn_id": extension["turn_id"], "rating": -1, "correction": "Spirometry. Ask Dr Jane Smith, 555-123-4567."})
    assert "Smith" not in stored["correction"]
    assert "4567" not in stored["correction"]


def test_an_emergency_is_answered_with_urgent_care_first(stack: Stack) -> None:
    answer = stack.openai().chat.completions.create(
        model="balancedbio", messages=[{"role": "user", "content": "My father has crushing chest pain and is sweating. What drug?"}], max_tokens=32
    )
    text = (answer.choices[0].message.content or "").lower()
    assert "emergency" in text[:400]


def test_ask_prints_the_answer_and_the_checkpoint(stack: Stack) -> None:
    done = stack.command("ask", "What is the first-line treatment of gout?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "answered by" in done.stderr


@pytest.mark.parametrize("arguments", [("ask", ""), ("ask", "hello", "--model", "no-such-model"), ("round", "show", "round-none"), ("promote", "cp-none")])
def test_bad_input_on_the_command_line_is_one_line_and_exit_code_2(stack: Stack, arguments: tuple[str, ...]) -> None:
    done = stack.command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
