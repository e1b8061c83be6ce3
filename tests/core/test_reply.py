"""A reply is parted at its thinking tags; whatever the text, nothing of a thought reaches the answer."""

from hypothesis import given
from hypothesis import strategies as st

from core.reply import split_reply

PLAIN = st.text("ab .\n")


@given(PLAIN, PLAIN)
def test_thinking_and_answer_are_parted(thinking: str, answer: str) -> None:
    assert split_reply(f"<think>{thinking}</think>{answer}") == (thinking.strip(), answer.strip())


@given(PLAIN)
def test_without_tags_all_is_answer(text: str) -> None:
    assert split_reply(text) == ("", text.strip())


@given(PLAIN)
def test_a_thought_that_never_ends_leaves_no_answer(text: str) -> None:
    assert split_reply(f"<think>{text}") == (text.strip(), "")


@given(st.lists(st.sampled_from(["<think>", "</think>", "gout", " ", "naproxen"]), max_size=12))
def test_no_tag_is_ever_shown_as_answer(parts: list[str]) -> None:
    assert "<think>" not in split_reply("".join(parts)).answer
