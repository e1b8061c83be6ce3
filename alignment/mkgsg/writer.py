"""Puts words to cases: which phrasing, which name of a concept, which patient, and how carelessly it is typed."""

import random
import re
from dataclasses import dataclass, field

from alignment.mkgsg import patients
from alignment.mkgsg.grammar import CLOSERS, DROPPABLE, FILLERS, OPENERS, Phrasings, expand
from alignment.mkgsg.workflow import capital, lower
from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Kind
from core.safety import check_input
from core.types import Message

# Synonyms that are said of a patient and cannot stand after "has" or "with": "febrile", "cannot smell", "penicillin-allergic".
_PREDICATE = re.compile(
    r"(?:cannot|unable|not|passed|feeling (?:sick|weak|bloated|full)|expecting|getting (?:up|shorter))\b.*|.+[ -]allergic|allergic to .+|allerg(?:y|ies): .+"
    r"|restless|confused|dehydrated|delirious|disorient(?:at)?ed|drowsy|sleepy|lethargic|painful|unsteady|anxious|itchy|nauseous|queasy|pale|dizzy|lightheaded"
    r"|febrile|irritable|unconscious|unresponsive|tired|constipated|hyperactive|overactive|agitated|tender|wheezy|sweaty|gangrenous|fainted|sneezes|pregnant|gravid",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Writer:
    """Words for one item: its random numbers, the names of concepts, and which phrasings may be used."""

    knowledge: Knowledge
    rng: random.Random
    held_out: bool | None = False
    """False: trained phrasings. True: only those never trained. None: both."""
    synonyms: float = 0.3
    """How often a concept is called by a synonym in a question."""
    noise: float = 0.0
    """How often words that change nothing are dropped from a question or put into it."""
    _names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def phrase(self, phrasings: Phrasings) -> str:
        options = phrasings.held_out if self.held_out else phrasings.trained if self.held_out is False else (*phrasings.trained, *phrasings.held_out)
        return expand(self.rng.choice(options), self.rng)

    def name(self, concept_id: str) -> str:
        """A name that the linker reads back as the concept."""
        concept = self.knowledge.graph.concept(concept_id)
        if concept_id not in self._names:
            self._names[concept_id] = tuple(n for n in concept.synonyms if self._links(n, concept) and not self._alarms(n))
        synonyms = self._names[concept_id]
        label = lower(concept.label) if concept.kind is Kind.SYMPTOM else concept.label
        return self.rng.choice(synonyms) if synonyms and self.rng.random() < self.synonyms * (0.3 if concept.kind is Kind.DRUG else 1.0) else label

    def noun(self, concept_id: str) -> str:
        """A name that can stand after "with"."""
        name = self.name(concept_id)
        return lower(self.label(concept_id)) if _PREDICATE.fullmatch(name) else name

    def _links(self, name: str, concept: Concept) -> bool:
        """Whether the name is read as the concept inside a sentence, typed carelessly too: "UC" is, "uc" is not."""
        return all(
            any(m.text == said and m.of_kind(concept.kind) is concept for m in self.knowledge.linker.mentions(f"known {said} today"))
            for said in (name, name.lower())
        )

    def _alarms(self, name: str) -> bool:
        """ "anaphylaxis to penicillin" in a history would be read as an emergency."""
        return bool(check_input((Message(role="user", content=name),), self.knowledge))

    def label(self, concept_id: str) -> str:
        return self.knowledge.graph.label(concept_id)

    def patient(self, condition: str, *about: str) -> str:
        """ "a 54-year-old woman": a sex and an age that the condition and the history allow."""
        return patients.patient((self.label(condition), *about), self.rng).text

    def question(self, phrasings: Phrasings, **words: str) -> str:
        template = self.phrase(phrasings)
        text = (self._disturbed(template) if self.rng.random() < self.noise else template).format(**words)
        text = capital(text) if self.rng.random() < 0.9 else text
        opener = self.rng.choice(OPENERS)
        if opener.endswith((", ", ": ")):
            text = text if text[1:2].isupper() else text[0].lower() + text[1:]
        roll = self.rng.random()
        if roll < 0.06:
            text = text.rstrip("?.")
        elif roll < 0.1:
            text = text.lower()
        return opener + text + self.rng.choice(CLOSERS)

    def _disturbed(self, template: str) -> str:
        """The template with small words dropped or changing nothing put in; names in braces stay."""
        words = [w for w in template.split(" ") if w.lower() not in DROPPABLE or self.rng.random() > 0.25]
        for _ in range(self.rng.randint(0, 2)):
            words.insert(self.rng.randint(0, len(words)), self.rng.choice(FILLERS))
        return " ".join(words) or template
