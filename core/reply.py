"""The form of a model's reply: optional visible thinking, then the answer."""

import re
from typing import NamedTuple

THINK, END_THINK = "<think>", "</think>"
_THOUGHT = re.compile(f"{THINK}(.*?)(?:{END_THINK}|$)", re.S)


class Reply(NamedTuple):
    thinking: str
    answer: str


def split_reply(text: str) -> Reply:
    """Parts a reply at its thinking tags. A thought that never ends hides what follows: it was not answered."""
    if THINK not in text:
        return Reply("", text.replace(END_THINK, "").strip())
    thinking = "\n".join(t.strip() for t in _THOUGHT.findall(text))
    return Reply(thinking.strip(), _THOUGHT.sub("", text).replace(END_THINK, "").strip())
