"""The concepts of a graph while terms are added to it: which concept a term is, and what it adds."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from core.knowledge.graph import Concept, Graph, Kind
from core.knowledge.loaders.records import Term, Withdrawn
from core.knowledge.names import normal, without_salt

_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[A-Za-z]")
_CLASSIFICATIONS = ("ICD", "UMLS_ICD", "MEDDRA", "GARD")

SAME_ID, ALSO_ID, XREF, NAME, MOIETY, NEW = "by identifier", "by another identifier", "by cross-reference", "by name", "by name without its salt", "new"


@dataclass(slots=True)
class Draft:
    """A concept while sources are added to it."""

    concept: Concept
    synonyms: dict[str, None]
    also_ids: dict[str, None]
    xrefs: dict[str, None]
    forms: set[str] = field(default_factory=set)
    """Normalised names."""

    @classmethod
    def of(cls, concept: Concept) -> "Draft":
        names = {normal(n) for n in (concept.label, *concept.synonyms)}
        return cls(concept, dict.fromkeys(concept.synonyms), dict.fromkeys(concept.also_ids), dict.fromkeys(concept.xrefs), names)

    @property
    def ids(self) -> Iterator[str]:
        yield self.concept.id
        yield from self.also_ids

    def finished(self) -> Concept:
        return replace(self.concept, synonyms=tuple(self.synonyms), also_ids=tuple(self.also_ids), xrefs=tuple(self.xrefs), unlinked=())


class Registry:
    """Where every identifier, cross-reference and name leads."""

    def __init__(self, onto: Graph) -> None:
        self.drafts = {c.id: Draft.of(c) for c in onto.concepts.values()}
        self.conflicts: list[str] = []
        self.by_id: dict[str, str] = {}
        self.by_name: dict[tuple[Kind, str], dict[str, None]] = defaultdict(dict)
        self.by_xref: dict[tuple[Kind, str], set[str]] = defaultdict(set)
        for draft in self.drafts.values():
            self._index(draft)

    def place(self, term: Term, notes: list[str]) -> tuple[str, str, str]:
        """What became of the row, the concept's id ("" when left out), and how it was found."""
        home, how = self._resolve(term)
        if not home:
            if term.is_known_only or not (term.id or term.prefix):
                notes.append(f"{term.where}: nothing else knows {term.id} {term.label!r}; left out".replace("  ", " "))
                return "about a concept that nothing else knows: left out", "", ""
            home, how = self.add(term), NEW
        draft = self.drafts[home]
        before = len(draft.forms), len(draft.xrefs), len(draft.also_ids)
        self._complete(draft, term, how)
        gained = len(draft.forms) > before[0], len(draft.xrefs) > before[1], len(draft.also_ids) > before[2]
        if how is NEW:
            return "a new concept", home, how
        if term.parents and not term.synonyms and not term.xrefs:
            return f"a concept known {how}", home, how
        said = [what for what, is_so in zip(("a name", "a cross-reference", "an identifier"), gained, strict=True) if is_so]
        adds = said[0] if len(said) == 1 else "names, cross-references, identifiers" if said else "nothing"
        return f"adds {adds} to a concept known {how}", home, how

    def _resolve(self, term: Term) -> tuple[str, str]:
        if term.id and term.id in self.by_id:
            home = self.by_id[term.id]
            return home, SAME_ID if home == term.id else ALSO_ID
        for other in term.also_ids:
            if other in self.by_id and self._may_be(term, self.by_id[other]):
                return self.by_id[other], ALSO_ID
        for xref in term.xrefs:
            if xref.startswith(_CLASSIFICATIONS):
                continue
            if xref in self.by_id and self._may_be(term, self.by_id[xref]):
                return self.by_id[xref], XREF
            shared = self.by_xref.get((term.kind, xref), set()) | self.by_xref.get((term.kind, term.id), set())
            if len(shared) == 1 and self._may_be(term, home := next(iter(shared))):
                return home, XREF
        form = normal(term.label)
        for kind in _kinds_of(term.kind) if form else ():
            named = [h for h in self.by_name.get((kind, form), {}) if self._may_be(term, h)]
            labelled = [h for h in named if normal(self.drafts[h].concept.label) == form]
            if len(labelled) == 1 or len(named) == 1:
                return (labelled or named)[0], NAME
            if named:
                self.conflicts.append(f"{term.where}: {term.id} {term.label!r} has the name of {', '.join(named)}; it stays a concept of its own")
                break
        moiety = without_salt(form) if term.kind is Kind.DRUG else ""
        named = list(self.by_name.get((Kind.DRUG, moiety), {})) if moiety else []
        homes = [h for h in named if normal(self.drafts[h].concept.label) == moiety] or named
        # What is said of a salt holds for the drug; two salts of one vocabulary are that drug's both.
        return (homes[0], MOIETY) if len(homes) == 1 else ("", "")

    def _may_be(self, term: Term, home: str) -> bool:
        """Kinds fit, and the concept is not another term of the same vocabulary. A drug may have come to it by one of its salts."""
        draft = self.drafts[home]
        prefix = _vocabulary(term.id)
        ids = (draft.concept.id,) if term.kind is Kind.DRUG else draft.ids
        return draft.concept.kind in _kinds_of(term.kind) and not (prefix and any(_vocabulary(i) == prefix for i in ids))

    def add(self, term: Term) -> str:
        home = term.id or f"{term.prefix}:{normal(term.label).replace(' ', '_')}"
        if home in self.by_id:  # without an id of its own, by a name that now reads the same
            return self.by_id[home]
        concept = Concept(home, term.label, term.kind, (), f"{term.source}", group=term.group)
        self.drafts[home] = Draft.of(concept)
        self._index(self.drafts[home])
        return home

    def _complete(self, draft: Draft, term: Term, how: str) -> None:
        kind = draft.concept.kind
        if kind not in _kinds_of(term.kind):
            self.conflicts.append(f"{term.where}: {term.id} is a {term.kind} there and a {kind} here; it stays a {kind}")
        if how is SAME_ID and normal(term.label) not in draft.forms:
            self.conflicts.append(f"{term.where}: {term.id} is {term.label!r} there and {draft.concept.label!r} here; the label stays")
        new_ids = [i for i in (term.id, *term.also_ids) if i and i != draft.concept.id and i not in draft.also_ids and i not in self.by_id]
        new_names = [n for n in (*((term.label,) if how is not SAME_ID else ()), *term.synonyms) if n and normal(n) not in draft.forms]
        draft.also_ids.update(dict.fromkeys(new_ids))
        draft.xrefs.update(dict.fromkeys(term.xrefs))
        for name in new_names:
            if normal(name) and normal(name) not in draft.forms:
                draft.synonyms[name] = None
                draft.forms.add(normal(name))
        if draft.concept.source != term.source and how is not SAME_ID and how is not NEW and term.source not in draft.concept.source:
            draft.concept = replace(draft.concept, source=f"{draft.concept.source}; {term.source}")
        self._index(draft)

    def withdraw(self, entry: Withdrawn) -> str:
        if self.by_id.get(entry.id) == entry.id:
            return "withdrawn by its vocabulary, and known already: kept"
        if entry.id in self.by_id:
            return "withdrawn by its vocabulary; its id leads to the term that replaces it"
        if entry.replaced_by in self.by_id:
            draft = self.drafts[self.by_id[entry.replaced_by]]
            draft.also_ids[entry.id] = None
            self._index(draft)
            return "withdrawn by its vocabulary; its id leads to the term that replaces it"
        return "withdrawn by its vocabulary: left out"

    def _index(self, draft: Draft) -> None:
        home, kind = draft.concept.id, draft.concept.kind
        for identifier in draft.ids:
            self.by_id[identifier] = home
        for form in draft.forms:
            self.by_name[kind, form][home] = None
        for xref in draft.xrefs:
            self.by_xref[kind, xref].add(home)


def _kinds_of(kind: Kind) -> tuple[Kind, ...]:
    """A disease ontology has allergies and states among its conditions; ours are contexts of the patient."""
    return (kind, Kind.CONTEXT) if kind is Kind.CONDITION else (kind,)


def _vocabulary(identifier: str) -> str:
    """The prefix of an id; for ids without one (ATC, NUI) their shape of letters and digits."""
    return identifier.partition(":")[0] if ":" in identifier else _DIGIT.sub("0", _LETTER.sub("A", identifier))
