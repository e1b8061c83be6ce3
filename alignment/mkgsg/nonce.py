"""A knowledge graph of made-up names: what is read from evidence must be copied, not remembered.

Pretraining on it teaches a model to answer from the block it is given, for concepts it has never met. The names are nonce words, drawn
anew for every graph; contexts (pregnancy, allergies) and a part of the drugs and symptoms are real, but no fact joins two real concepts:
nothing false about a real drug or disease is ever said.
"""

import random
from collections.abc import Iterator

from core.knowledge.graph import Concept, Dose, Fact, Graph, Kind
from core.types import Relation

CONDITIONS, DRUGS, SYMPTOMS, INVESTIGATIONS = 120, 160, 120, 50
_JOINED = 0.5
"""Share of the words that begin like a real one."""
_BARE = 0.35
"""Share of the conditions of which only symptoms are known, and of the drugs of which only interactions are: so is much that is imported."""
_SOURCE = "made up"
_ONSETS = [
    "b",
    "c",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "w",
    "z",
    "br",
    "cr",
    "dr",
    "fl",
    "gl",
    "gr",
    "pl",
    "pr",
    "sc",
    "sh",
    "sk",
    "sl",
    "sp",
    "st",
    "str",
    "th",
    "tr",
]
_VOWELS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ae", "au", "ea", "ei", "ia", "io", "oa", "ou", "y"]
_CODAS = ["", "", "", "", "", "", "", "", "", "l", "m", "n", "r", "s", "t", "x", "ck", "ld", "nd", "ng", "nt", "rk", "rm", "rn", "st"]
_DRUG_ENDS = ["", "", "ol", "in", "ine", "ate", "ide", "one", "mab", "cillin", "pril", "azole", "statin", "amine"]
_CONDITIONS = [
    "{W} disease", "{W} syndrome", "{w} fever", "{w}itis", "{w}osis", "{w}oma", "acute {w}itis", "chronic {w} disease", "{w} {w} disease",
    "{W}-{W} syndrome", "familial {w}osis", "{w} deficiency {n}", "{W} disease type {n}", "juvenile {w}emia", "{w} infection", "{w} dystrophy",
    "autosomal {w} disorder {n}", "{w} of the {part}", "{part} {w}", "primary {part} {w}oma", "{w}pathy", "combined {w} {w} deficiency {n}",
    "{w} of the {part} with {w} onset", "{part} {w} due to {w} and {w} {n}", "{w} {part} {w}",
]  # fmt: skip
_SYMPTOMS = ["{w} pain", "{w}algia", "{w} of the {part}", "{part} {w}", "{w} skin", "loss of {w}", "abnormal {w}", "{w}uria", "{w} rash", "swollen {w}", "{w}"]
_INVESTIGATIONS = ["{w} test", "serum {w}", "{W} scan", "{w} biopsy", "{w} culture", "{part} {w} scan", "{w} level", "anti-{w} antibody"]
_PARTS = [
    "liver",
    "kidney",
    "heart",
    "lung",
    "skin",
    "eye",
    "ear",
    "nose",
    "throat",
    "bone",
    "brain",
    "spine",
    "hand",
    "foot",
    "stomach",
    "bowel",
    "bladder",
    "thyroid",
]
_AMOUNTS = (1, 2, 2.5, 4, 5, 8, 10, 15, 20, 25, 30, 40, 50, 75, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 750, 800, 900)
_UNITS = {"mg": _AMOUNTS, "g": (1, 2, 3, 4), "micrograms": (5, 10, 25, 50, 75, 100, 150, 200, 400)}
_INTERVALS = ["once daily", "twice daily", "three times daily", "four times daily", "every 8 hours", "every 12 hours", "once weekly", "at night"]


def nonce_graph(real: Graph, seed: str) -> Graph:
    """A graph in the shape of `real` about made-up conditions; the same seed gives the same graph."""
    rng = random.Random(f"nonce:{seed}")
    taken = {name.lower() for c in real.concepts.values() for name in c.names}
    contexts = list(real.of_kind(Kind.CONTEXT))
    words = _Words(real, rng)
    conditions = list(_made_up(Kind.CONDITION, "NC", _CONDITIONS, CONDITIONS, taken, words))
    drugs = [*_made_up(Kind.DRUG, "ND", None, DRUGS * 3 // 5, taken, words), *_some(real, Kind.DRUG, DRUGS * 2 // 5, rng)]
    symptoms = [*_made_up(Kind.SYMPTOM, "NS", _SYMPTOMS, SYMPTOMS // 2, taken, words), *_some(real, Kind.SYMPTOM, SYMPTOMS // 2, rng)]
    tests = [
        *_made_up(Kind.INVESTIGATION, "NI", _INVESTIGATIONS, INVESTIGATIONS // 2, taken, words),
        *_some(real, Kind.INVESTIGATION, INVESTIGATIONS // 2, rng),
    ]
    facts = list(_facts(real, conditions, drugs, symptoms, tests, contexts, rng))
    return Graph([*conditions, *drugs, *symptoms, *tests, *contexts], facts)


def _facts(
    real: Graph, conditions: list[Concept], drugs: list[Concept], symptoms: list[Concept], tests: list[Concept], contexts: list[Concept], rng: random.Random
) -> Iterator[Fact]:
    actions = sorted({f.detail for f in real.facts if f.relation is Relation.RED_FLAG})
    drug_names = tuple(d.label.lower() for d in real.of_kind(Kind.DRUG))
    effects = sorted({f.detail for f in real.facts if f.relation is Relation.INTERACTS_WITH and not any(n in f.detail.lower() for n in drug_names)})
    number = iter(range(1, 1_000_000))

    def fact(subject: Concept, relation: Relation, object_: str, *, line: str = "", severity: str = "", detail: str = "") -> Fact:
        return Fact(subject.id, relation, object_, _SOURCE, f"nonce:{next(number)}", line, severity, detail)

    for c in conditions:
        for s in rng.sample(symptoms, rng.choice((1, 1, 2, 3, 4, 5))):  # many an imported disease has one
            yield fact(c, Relation.HAS_SYMPTOM, s.id)
        if rng.random() < _BARE:
            continue
        for position, drug in enumerate(rng.sample(drugs, rng.choice((2, 2, 3, 3, 4)))):
            yield fact(c, Relation.TREATED_BY, drug.id, line="first" if position == 0 or (position == 1 and rng.random() < 0.2) else "alternative")
        for t in rng.sample(tests, rng.choice((1, 1, 2))):
            yield fact(c, Relation.INVESTIGATED_BY, t.id)
        for s in rng.sample(symptoms, rng.choice((0, 1, 1, 2))):
            yield fact(c, Relation.RED_FLAG, s.id, detail=rng.choice(actions))
    made_up = [d for d in drugs if d.source == _SOURCE]
    for d in drugs:
        others = rng.sample(drugs if d.source == _SOURCE else made_up, rng.choice((1, 1, 2, 3, 4, 8)))
        for other in others:
            if other.id != d.id:
                effect = rng.choice(effects) if rng.random() < 0.6 else ""  # an imported pair has none
                yield fact(d, Relation.INTERACTS_WITH, other.id, severity=rng.choice(("critical", "significant")), detail=effect)
        is_bare = d.source == _SOURCE and rng.random() < _BARE
        if is_bare:
            continue
        against = [*rng.sample(conditions, rng.randint(0, 3)), *(rng.sample(contexts, rng.randint(1, 3)) if d.source == _SOURCE else ())]
        for context in against:
            yield fact(d, Relation.CONTRAINDICATED_IN, context.id)
        if d.source == _SOURCE:
            unit = rng.choices(list(_UNITS), (8, 1, 1))[0]
            low = rng.choice(_UNITS[unit])
            dose = Dose(low, low * rng.choice((1, 1, 2, 3, 4)), unit, rng.choice(_INTERVALS), "oral", "made up", None)
            yield Fact(d.id, Relation.DOSE, str(dose), _SOURCE, f"nonce:{next(number)}", dose=dose)


def _some(real: Graph, kind: Kind, count: int, rng: random.Random) -> list[Concept]:
    return rng.sample(real.of_kind(kind), min(count, len(real.of_kind(kind))))


def _made_up(kind: Kind, prefix: str, patterns: list[str] | None, count: int, taken: set[str], words: "_Words") -> Iterator[Concept]:
    made = 0
    while made < count:
        name = words.fill(words.rng.choice(patterns)) if patterns else words.drug()
        if name.lower() not in taken:
            taken.add(name.lower())
            made += 1
            yield Concept(f"{prefix}:{made}", name, kind, (), _SOURCE, group="symptom" if kind is Kind.SYMPTOM else "")


class _Words:
    """Nonce words: of made-up syllables, or of the beginnings of two real words.

    What begins like a word the model knows tempts it to go on with that word ("necrosis" becomes "nec" and what it has read after that).
    With syllables alone, seven in ten questions about imported concepts were answered in the words of the evidence.
    """

    def __init__(self, real: Graph, rng: random.Random) -> None:
        self.rng = rng
        kinds = (Kind.CONDITION, Kind.DRUG, Kind.SYMPTOM)
        self._real = sorted({w.lower() for k in kinds for c in real.of_kind(k) for w in c.label.split() if w.isalpha() and len(w) >= 6})

    def drug(self) -> str:
        return self._joined() if self.rng.random() < _JOINED else self._spoken(2, 3) + self.rng.choice(_DRUG_ENDS)

    def fill(self, pattern: str) -> str:
        text = pattern
        while "{" in text:
            text = text.replace("{w}", self._word(), 1).replace("{W}", self._word().capitalize(), 1)
            text = text.replace("{part}", self.rng.choice(_PARTS), 1).replace("{n}", str(self.rng.randint(1, 60)), 1)
        return text

    def _word(self) -> str:
        return self._joined() if self.rng.random() < _JOINED else self._spoken(1, 3)

    def _joined(self) -> str:
        return "".join(w[: self.rng.randint(3, 5)] for w in self.rng.sample(self._real, 2))

    def _spoken(self, least: int, most: int) -> str:
        syllables = (self.rng.choice(_ONSETS) + self.rng.choice(_VOWELS) + self.rng.choice(_CODAS) for _ in range(self.rng.randint(least, most)))
        word = "".join(syllables)
        return word if len(word) > 3 else word + self._spoken(1, 1)
