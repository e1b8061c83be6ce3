"""One consultation in words: who, what, since when and where; the history, what is found and what is denied; then the question."""

from weakref import WeakKeyDictionary

from alignment.mkgsg import patients
from alignment.mkgsg.case import Case, interactions_of, other_end
from alignment.mkgsg.grammar import Phrasings
from alignment.mkgsg.grammar import vignettes as v
from alignment.mkgsg.presentation import absent_findings, identifying_sets
from alignment.mkgsg.workflow import capital, listed, lower
from alignment.mkgsg.writer import Writer
from core.knowledge.graph import Graph, Kind
from core.types import Relation

_ASKED = {
    "chronic_management": "known", "drug_choice": "known", "interaction_check": "known", "renal": "renal", "pregnancy": "pregnancy",
    "medication_review": "review", "acute_emergency": "emergency", "follow_up": "follow_up",
}  # fmt: skip


class Scene:
    """What is said of one patient. Drawn once, so that it can be told again without what is denied."""

    def __init__(self, case: Case, w: Writer) -> None:
        self._case, self._w, rng, graph = case, w, w.rng, w.knowledge.graph
        about = map(w.label, filter(None, (case.condition, case.other, *case.symptoms)))
        self._who = patients.patient(about, rng)
        self.absent = self._absent()
        she = "she" if self._who.is_female else "he"
        self._words = {
            "p": self._who.text,
            "w": rng.choice(v.SETTINGS),
            "t": patients.duration(case.condition, w.label(case.condition), rng),
            "y": rng.choice(v.YEARS),
            "c": w.name(case.condition),
            "d": w.name(case.drug) if case.drug else "",
            "x": (test := w.name(case.test) if case.test else ""),
            "X": capital(test),
            "S": capital(she),
            "S2": she,
            "O": "Her" if self._who.is_female else "His",
            "O2": "her" if self._who.is_female else "him",
        }
        signs = [s for s in case.symptoms if graph.concept(s).group == "sign"]
        told = [s for s in case.symptoms if s not in signs] or list(case.symptoms)
        rng.shuffle(told)
        self._signs = [s for s in signs if s not in told]
        self._words["s"] = listed([w.noun(s) for s in told]) if told else ""
        self._words["f"] = w.noun(case.other) if case.family == "acute_emergency" else ""
        self._words["m"] = self._drug_list() if case.family == "medication_review" else ""
        if case.family == "differential":
            pair = [w.name(case.condition), w.name(case.other)]
            rng.shuffle(pair)
            self._words["a"], self._words["b"] = pair

    def question(self, *, with_absent: bool = True) -> str:
        case, w = self._case, self._w
        history = self._history()
        is_review = case.family == "medication_review"
        opening = w.phrase(self._opening()).format(**self._words, H=history if is_review else "")
        sentences = [self._examination(), "" if is_review else history, self._social(), self._relatives()]
        if with_absent and self.absent:
            sentences.append(self._fill(w.rng.choice(v.ABSENT), n=listed([lower(w.label(s)) for s in self.absent], "or")))
        w.rng.shuffle(sentences)
        asked = w.phrase(v.ASKS[self._asks()]).format(**self._words)
        return " ".join(capital(part) for part in (" ".join(opening.split()), *sentences, asked) if part)

    def _fill(self, template: str, **words: str) -> str:
        return template.format(**(self._words | words))

    def _opening(self) -> Phrasings:
        case = self._case
        match case.family:
            case "medication_review":
                return v.MEDICATION
            case "acute_emergency":
                return v.EMERGENCY
            case "follow_up":
                return v.TREATED
            case _ if case.symptoms:
                return v.PRESENTATION
            case "chronic_management":
                return v.CHRONIC
            case "test_interpretation":
                return v.SUSPECTED
            case _:
                return v.KNOWN

    def _asks(self) -> str:
        case = self._case
        if case.family == "test_interpretation":
            return "test" if case.is_presented else "confirmed"
        if case.family == "differential":
            return self._w.rng.choice(("differential", "open_differential"))
        return "consult" if case.is_presented and case.family != "acute_emergency" else _ASKED[case.family]

    def _history(self) -> str:
        """What stands in the patient's record; for the check it is what matters most."""
        case, rng, graph = self._case, self._w.rng, self._w.knowledge.graph
        if not case.other or case.family in ("acute_emergency", "follow_up", "differential"):
            return rng.choice(("", *v.NO_HISTORY)) if case.family in ("chronic_management", "test_interpretation") else ""
        concept = graph.concept(case.other)
        if concept.kind is Kind.DRUG:
            return "" if case.family == "medication_review" else self._fill(rng.choice(v.CURRENT_DRUG), h=self._w.name(case.other))
        if concept.group == "pregnancy":
            return self._fill(rng.choice(v.PREGNANT))
        return self._fill(rng.choice(v.ALLERGY if concept.group == "allergy" else v.HISTORY), h=self._w.noun(case.other))

    def _examination(self) -> str:
        return self._fill(self._w.rng.choice(v.SIGNS), s=listed([self._w.noun(s) for s in self._signs])) if self._signs else ""

    def _social(self) -> str:
        """Work, home and habits of an adult: they change nothing."""
        rng, age = self._w.rng, self._who.age
        if age < 18:
            return ""
        job = f"{'works' if age < 66 else 'used to work'} as {rng.choice(v.JOBS)}"
        said = rng.sample((job, rng.choice(v.HOMES), rng.choice(v.HABITS)), rng.choice((0, 1, 2, 2)))
        return f"{self._words['S']} {' and '.join(said)}." if said else ""

    def _relatives(self) -> str:
        """A long-term condition of a relative: someone else's, not the patient's."""
        rng, graph = self._w.rng, self._w.knowledge.graph
        theirs = rng.choice(_LONG_TERM)
        if rng.random() > 0.25 or theirs not in graph.concepts or theirs in (self._case.condition, self._case.other):
            return ""
        return self._fill(rng.choice(v.RELATIVES), c=self._w.label(theirs))

    def _absent(self) -> tuple[str, ...]:
        case, w = self._case, self._w
        if case.family == "follow_up":
            return ()
        shown = case.symptoms or next(iter(identifying_sets(w.knowledge.graph, case.condition)), ())
        found = absent_findings(w.knowledge.graph, case.condition, shown, w.rng, w.rng.choice((0, 1, 2, 2, 3)))
        return tuple(s for s in found if s != case.other and patients.can_show(self._who, w.label(s)))

    def _drug_list(self) -> str:
        """The drug in question, the one it clashes with, and one to three that nothing is known against."""
        case, w = self._case, self._w
        own = [case.drug, *([case.other] if w.knowledge.graph.concept(case.other).kind is Kind.DRUG else [])]
        names = [w.name(d) for d in (*own, *_bystanders(case, w))]
        names[0] = f"{names[0]} for {w.name(case.condition)}"
        w.rng.shuffle(names)
        return listed(names)


def _bystanders(case: Case, w: Writer) -> list[str]:
    """Drugs that interact with none of the list nor with what may be given, and are not contraindicated in the history."""
    graph, rng = w.knowledge.graph, w.rng
    fixed = {case.drug, case.other, case.chosen, *case.accepted, *case.forbidden}
    taken = set(fixed)
    found: list[str] = []
    for drug in rng.sample(_drugs(graph), min(12, len(_drugs(graph)))):
        partners = {other_end(f, drug) for f in interactions_of(graph, drug)}
        is_used_here = graph.fact(case.condition, Relation.TREATED_BY, drug) is not None
        if drug in taken or partners & taken or is_used_here or graph.contraindication(drug, case.other) or graph.contraindication(drug, case.condition):
            continue
        found.append(drug)
        taken.add(drug)
        if len(found) == 3:
            break
    return found[: rng.randint(1, 3)]


def _drugs(graph: Graph) -> tuple[str, ...]:
    """Drugs of which the graph knows something to check against."""
    if graph not in _DRUGS:
        _DRUGS[graph] = tuple(dict.fromkeys(f.object for f in graph.facts if f.relation is Relation.TREATED_BY))
    return _DRUGS[graph]


_DRUGS: WeakKeyDictionary[Graph, tuple[str, ...]] = WeakKeyDictionary()


_LONG_TERM = tuple(sorted(patients.LONG_TERM))
