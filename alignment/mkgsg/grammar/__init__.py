"""The wording of questions: templates with alternatives, so that each family has thousands of phrasings and an unseen one works too.

Phrasings under `held_out` are never used to train the starter model; its card reports both.
"""

from alignment.mkgsg.grammar.choices import CHOICES
from alignment.mkgsg.grammar.facts import FACTS
from alignment.mkgsg.grammar.formats import END_PHRASES, FORMATS, NUMBERS, START_PHRASES
from alignment.mkgsg.grammar.hops import HOPS
from alignment.mkgsg.grammar.noise import CLOSERS, DROPPABLE, FILLERS, OPENERS, SYSTEM_PROMPTS
from alignment.mkgsg.grammar.safety import SAFETY
from alignment.mkgsg.grammar.templates import Phrasings, expand, matches

QUESTIONS: dict[str, Phrasings] = {**FACTS, **CHOICES, **SAFETY, **HOPS}

__all__ = [
    "CLOSERS",
    "DROPPABLE",
    "END_PHRASES",
    "FILLERS",
    "FORMATS",
    "NUMBERS",
    "OPENERS",
    "QUESTIONS",
    "START_PHRASES",
    "SYSTEM_PROMPTS",
    "Phrasings",
    "expand",
    "matches",
]
