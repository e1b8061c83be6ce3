"""The form of a model's reply: an optional visible thinking part, then the answer."""

from typing import NamedTuple

THINK, END_THINK = "<think>", "</think>"


class Reply(NamedTuple):
    thinking: str
    answer: str


def split_reply(text: str) -> Reply:
    """Parts a reply at its thinking tags. A thought that never ends leaves no answer: nothing was answered."""
    before, opened, rest = text.partition(THINK)
    if not opened:
        return Reply("", text.strip())
    thinking, closed, after = rest.partition(END_THINK)
    answer = f"{before}{after}" if closed else before
    return Reply(thinking.strip(), answer.strip())
