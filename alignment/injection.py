"""Words that address a model and not a colleague, in text that a model has written for another to read."""

from typing import Final

SPEAKS_TO_A_MODEL: Final = (
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:instruction|prompt|rule|context|above|previous)"
    r"|\b(?:system|developer) (?:prompt|message)\b|<\|?/?(?:im_start|im_end|system|user|assistant)\b|\[/?INST\]"
)
"""A pattern, to be read without regard to case."""
