"""Is the text ours, whole, and in the form that was asked for?"""

import re

from alignment.mkgsg.validity.case import Case
from core.knowledge.citations import without_citations
from core.knowledge.sentences import fields
from core.reply import END_THINK, THINK
from core.signals import Signal, Signals, fold
from evals.scorers.format import passes

# What no question and no reply of ours holds: mark-up, chat templates, orders to the model, its talk of itself, turns of another dialogue.
_FOREIGN_TEXT = re.compile(
    r"<\|[^>]{0,40}\|>|\[/?INST\]|</?s>|</?(?:div|p|br|b|i|a|img|span|html|body|script|style|iframe|h[1-6]|ul|li|table)\b[^>]*>|<!--|https?://|\bwww\.\w"
    r"|\b(?:ignore|disregard|forget) (?:all |any |the |your )*(?:previous|prior|above|earlier) (?:instructions?|rules|text|prompts?)\b"
    r"|\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|\b(?:i am|i'm) (?:an? )?(?:ai|(?:large )?language model|chatbot)\b|\bsystem prompt\b"
    r"|(?:^|[.!?]\s+)\W*(?:user|assistant|human|ai|system)\s*:"
    r"|\bhere (?:is|are) (?:the|your|my|an?) (?:\w+ ){0,3}(?:item|text|version|answer|reply|rewrite|paraphrase|vignette|question)\b"
    r"|\bhere['’]s (?:the|your|my|an?)\b"
    r"|\b(?:as (?:you )?requested|you asked (?:me )?for|i(?: have|['’]ve)? (?:rewritten|rephrased|rewrote)"
    r"|(?:rewritten|rephrased|training) (?:item|text|version|example)"
    r"|let me know if|hope (?:this|that) helps)\b",
    re.I | re.M,
)
_STEMS = (
    "<", "inst]", "http", "www.", "ignore", "disregard", "forget", "language model", "chatbot", " ai", "system", "user", "assistant", "human", "ai:", "here is",
    "here are", "here\u2019s", "here's", "requested", "you asked", "rewr", "rephrased", "training", "let me know", "hope th",
)  # fmt: skip
_FOREIGN = Signals((Signal("foreign text", _FOREIGN_TEXT, _STEMS),))
_THINK_TAG = re.compile(f"{THINK}|{END_THINK}")
_HOLLOW = re.compile(
    r"\W*(?:n/?a|none|nil|nothing|see (?:above|below)|as above|tbd|to be (?:determined|added)|unknown|not (?:applicable|available)|same|x+)?\W*", re.I
)

_ENDS = (".", "!", "?", ")", "]", "}", '"', "\u201d", "'")
_FILLED = ("diagnosis", "treatment", "test")
"""Parts of a structured reply that must not be empty; "Allergies: none" may."""


def foreign_text(case: Case) -> str | None:
    texts = (_THINK_TAG.sub(" ", case.text), *(m.content for m in case.sample.messages))
    return "foreign_text" if any(_FOREIGN.first(text, fold(text)) for text in texts) else None


def form(case: Case) -> str | None:
    """The checks that were asked for pass, and the parts that must say something do."""
    answer = without_citations(case.answer) if case.sample.evidence else case.answer
    if not case.sample.checks:
        return None if answer.endswith(_ENDS) else "cut_off"
    if not all(passes(c, answer) for c in case.sample.checks):
        return "wrong_format"
    parts = fields(answer, case.knowledge) if case.sample.evidence else case.reading.answer
    is_hollow = any(f.role in _FILLED and _HOLLOW.fullmatch(f.sentence.text) for f in parts)
    return "wrong_format" if is_hollow else None


def thought(case: Case) -> str | None:
    """A thought is opened and closed once, names something, and an answer follows it."""
    tags = _THINK_TAG.findall(case.text)
    if not tags:
        return None
    thinking, answer = case.reading.reply
    is_whole = tags == [THINK, END_THINK] and answer and any(s.mentions for s in case.reading.sentences if s.text in thinking)
    return None if is_whole else "broken_chain"
