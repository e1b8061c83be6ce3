"""Merges sources into a graph: by identifier, then by cross-reference, then by normalised name; what is there already stays.

Two terms of one vocabulary are never one concept, whatever their names: the vocabulary says that they are two. Cross-references merge
only where they are one to one, and never by a classification (ICD puts many diseases under one code).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from core.collector import collector_paused
from core.errors import KnowledgeError
from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.knowledge.loaders.records import Pair, Source, Term, Withdrawn
from core.knowledge.names import Named, unsafe
from core.knowledge.registry import NEW, Registry
from core.knowledge.report import Report, SourceReport, ordered
from core.types import Relation

_SEVERITY = {"": 0, "significant": 1, "critical": 2}
_FITS: dict[Relation, tuple[set[Kind], set[Kind]]] = {
    Relation.HAS_SYMPTOM: ({Kind.CONDITION}, {Kind.SYMPTOM}),
    Relation.RED_FLAG: ({Kind.CONDITION}, {Kind.SYMPTOM}),
    Relation.INVESTIGATED_BY: ({Kind.CONDITION}, {Kind.INVESTIGATION}),
    Relation.TREATED_BY: ({Kind.CONDITION}, {Kind.DRUG}),
    Relation.CONTRAINDICATED_IN: ({Kind.DRUG, Kind.CLASS}, {Kind.CONDITION, Kind.CONTEXT, Kind.SYMPTOM}),
    Relation.INTERACTS_WITH: ({Kind.DRUG}, {Kind.DRUG}),
}


class Merged(NamedTuple):
    graph: Graph
    report: Report


def merge(sources: Sequence[Source], onto: Graph, builtin: Knowledge) -> Merged:
    """The graph of `onto` and all sources, with the report. Raises KnowledgeError naming file and line; then nothing was changed."""
    with collector_paused():
        work = _Merge(onto, builtin)
        for source in sorted(sources, key=lambda s: s.stage):
            work.add(source)
        return work.finish(onto.version)


class _Merge:
    def __init__(self, onto: Graph, builtin: Knowledge) -> None:
        self.builtin, self.linker = builtin
        self.concepts = Registry(onto)
        self.facts = {_key(f.subject, f.relation, f.object): f for f in onto.facts if f.relation is not Relation.DOSE}
        self.doses = [f for f in onto.facts if f.relation is Relation.DOSE]
        self.conflicts = self.concepts.conflicts
        self.reports: list[SourceReport] = []

    def add(self, source: Source) -> None:
        rows = Counter(source.left_out)
        how: dict[str, str] = {}
        notes = list(source.notes)
        parents: list[tuple[Term, str]] = []
        withdrawn: list[Withdrawn] = []
        labels: dict[str, str] = {}
        for entry in source.entries:
            match entry:
                case Withdrawn():
                    withdrawn.append(entry)
                case Term():
                    outcome, home, found = self.concepts.place(entry, notes)
                    rows[outcome if home not in how else f"a further row of a concept: {outcome}"] += 1
                    if entry.rows > 1:
                        rows["a further name of a concept"] += entry.rows - 1
                    if home:
                        how.setdefault(home, found)
                        labels[entry.label] = home
                        parents.append((entry, home))
                case Pair():
                    rows[self._pair(entry, notes, how)] += 1
        for gone in withdrawn:  # what replaces a term may stand after it
            rows[self.concepts.withdraw(gone)] += 1
        for term, home in parents:
            self._parents(term, home, labels)
        assert sum(rows.values()) == source.rows, f"{source.file}: {sum(rows.values())} of {source.rows} rows are accounted for"
        counts = Counter(NEW if h == NEW else f"known {h}, {self._origin(home)}" for home, h in how.items())
        self.reports.append(
            SourceReport(
                file=source.file,
                publisher=source.publisher,
                licence=source.licence,
                sha256=source.sha256,
                row_count=source.rows,
                rows=ordered(rows),
                concepts=ordered(counts),
                notes=tuple(notes),
            )
        )

    def _parents(self, term: Term, home: str, labels: dict[str, str]) -> None:
        for root, label in term.roots:
            if root not in self.concepts.by_id:
                self.concepts.add(replace(term, id=root, label=label, prefix="", group="", kind=Kind.CLASS if root.startswith("CLASS:") else term.kind))
        for parent in term.parents:
            if parent in (term.id, term.label):
                raise KnowledgeError(f"{term.where}: is_a goes in a circle: {parent!r} is a kind of itself")
            above = self.concepts.by_id.get(parent) or labels.get(parent)
            if above is None:
                raise KnowledgeError(f"{term.where}: {term.id or term.label!r} is a kind of {parent!r}, which no source has; is the file cut off?")
            if above != home:
                self.facts.setdefault(_key(home, Relation.IS_A, above), Fact(home, Relation.IS_A, above, term.source, term.where))

    def _pair(self, pair: Pair, notes: list[str], how: dict[str, str]) -> str:
        ends = []
        for term in (pair.subject, pair.object):
            _, home, found = self.concepts.place(term, notes)
            if not home:
                return "about a concept that nothing else knows: left out"
            how.setdefault(home, found)
            ends.append(home)
        subject, object_ = ends
        if subject == object_:
            notes.append(f"{pair.where}: both ends are {subject}; left out")
            return "both ends are one concept: left out"
        if not self._kinds_fit(pair.relation, subject, object_):
            kinds = f"{self.concepts.drafts[subject].concept.kind} and {self.concepts.drafts[object_].concept.kind}"
            notes.append(f"{pair.where}: {pair.relation} does not go from {kinds}; left out")
            return "kinds that do not fit the relation: left out"
        key = _key(subject, pair.relation, object_)
        fact = Fact(subject, pair.relation, object_, pair.source, pair.where, pair.line, pair.severity, pair.detail)
        known = self.facts.get(key)
        if known is None:
            self.facts[key] = fact
            return "a new fact"
        return self._second(key, known, fact)

    def _second(self, key: tuple[str, Relation, str], known: Fact, fact: Fact) -> str:
        said = f"{fact.source} ({fact.row})"
        is_raised = _SEVERITY[fact.severity] > _SEVERITY[known.severity]  # also by the same row, corrected since
        is_same = (known.source, known.row, known.severity, known.line) == (fact.source, fact.row, fact.severity, fact.line)
        if is_same or (not is_raised and any(said in a for a in known.also)):
            return "a fact known already, from this very row"
        a, b = self.concepts.drafts[fact.subject].concept.label, self.concepts.drafts[fact.object].concept.label
        if known.severity == fact.severity:
            if known.line and fact.line not in ("", known.line):
                self.conflicts.append(f"{fact.row}: {a} and {b}: {fact.line} line here, {known.line} in {known.source} ({known.row}); {known.line} stays")
            self.facts[key] = replace(known, line=known.line or fact.line, also=(*known.also, said), detail=known.detail or fact.detail)
            return "a fact known already; noted as a further source"
        other = f"{known.source} ({known.row})"
        if is_raised:
            also = (*known.also, f"{known.severity}: {other}")
            self.facts[key] = replace(known, severity=fact.severity, source=fact.source, row=fact.row, detail=known.detail or fact.detail, also=also)
            self.conflicts.append(f"{fact.row}: {a} and {b}: {fact.severity} here, {known.severity} in {other}; {fact.severity} holds, both are kept")
            return "another severity: raised, both kept"
        self.facts[key] = replace(known, also=(*known.also, f"{fact.severity}: {said}"))
        self.conflicts.append(f"{fact.row}: {a} and {b}: {fact.severity} here, {known.severity} in {other}; {known.severity} holds, both are kept")
        return "another severity: the more severe stays, both kept"

    def _kinds_fit(self, relation: Relation, subject: str, object_: str) -> bool:
        kinds = self.concepts.drafts[subject].concept.kind, self.concepts.drafts[object_].concept.kind
        if relation is Relation.IS_A:
            return kinds[0] == kinds[1] or kinds == (Kind.DRUG, Kind.CLASS)
        return kinds[0] in _FITS[relation][0] and kinds[1] in _FITS[relation][1]

    def _origin(self, home: str) -> str:
        return "in the built-in base" if home in self.builtin.concepts else "from another source"

    def finish(self, before: str) -> Merged:
        _refuse_circles(f for f in self.facts.values() if f.relation is Relation.IS_A)
        concepts = {i: d.finished() for i, d in self.concepts.drafts.items()}
        facts = (*self.facts.values(), *self.doses)
        above = Graph(concepts.values(), facts).ancestors
        unlinked: dict[str, list[str]] = defaultdict(list)
        reasons: Counter[str] = Counter()
        examples = []
        for named, reason in unsafe(_imported(concepts.values(), self.builtin), self.linker, above):
            unlinked[named.concept.id].append(named.name)
            reasons[reason.split(" '")[0].split(' "')[0]] += 1
            examples.append(f"{named.name!r} of {named.concept.id}: {reason}")
        for identifier, names in unlinked.items():
            concepts[identifier] = replace(concepts[identifier], unlinked=tuple(names))
        graph = Graph(concepts.values(), facts)
        report = Report(
            version=graph.version,
            before=before,
            builtin=self.builtin.version,
            sources=tuple(self.reports),
            concepts=ordered(Counter(c.kind for c in graph.concepts.values())),
            facts=ordered(Counter(f.relation for f in graph.facts)),
            conflicts=tuple(self.conflicts),
            unlinked=ordered(reasons),
            unlinked_names=tuple(examples),
        )
        return Merged(graph, report)


def _key(subject: str, relation: Relation, object_: str) -> tuple[str, Relation, str]:
    """Of an interaction the same, whichever way round it is written."""
    if relation is Relation.INTERACTS_WITH and object_ < subject:
        return object_, relation, subject
    return subject, relation, object_


def _imported(concepts: Iterable[Concept], builtin: Graph) -> Iterator[Named]:
    """Every name that is not one of the built-in base's own."""
    for concept in concepts:
        own = builtin.concepts.get(concept.id)
        chosen = set(own.names) if own else set()
        for position, name in enumerate((concept.label, *concept.synonyms)):
            if name not in chosen:
                yield Named(concept, name, position == 0)


def _refuse_circles(edges: Iterable[Fact]) -> None:
    above: dict[str, dict[str, Fact]] = defaultdict(dict)
    for fact in edges:
        above[fact.subject][fact.object] = fact
    try:
        TopologicalSorter({child: tuple(parents) for child, parents in above.items()}).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1])) if error.args[1][0] in above.get(error.args[1][1], {}) else list(error.args[1])
        rows = [above[child][parent].row for child, parent in pairwise(circle)]
        raise KnowledgeError(f"{rows[0]}: is_a goes in a circle: {' -> '.join(circle)} ({', '.join(rows)})") from None
