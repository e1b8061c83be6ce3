"""The linker over 100,000 names on clinical text: how fast, against which alternatives, and how right by class of context.

Names: the built-in base, the Disease Ontology and Symptom Ontology with their synonyms and HPO's lay terms, filled up to 100,000 with
qualified names ("chronic gout"), which are the harder kind: they begin like others and hold others. Text: the MTS-Dialog and ACI-Bench training
texts, notes and dialogues, one at a time. The labels are tuned on `dev` and reported on `test`; see `labels/README.md`.
"""

import csv
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import ahocorasick_rs

from core.errors import ArtifactError
from core.knowledge import Knowledge
from core.knowledge.base_loader import load_base
from core.knowledge.context import in_context
from core.knowledge.graph import Concept, Graph, Kind
from core.knowledge.linker import Linker
from tests.benchmarks.labels import Sentence, labelled
from tests.benchmarks.rows import Row
from tests.conftest import SHARED

NAMES = 100_000
CLASSES = ("affirmed", "negated", "historical", "hypothetical", "other")


def rows() -> Iterator[Row]:
    if not (SHARED / "mts_dialog").is_dir():
        yield Row("linker", "skipped", 0, "", note="the public data sets are not here")
        return
    concepts = public_concepts()
    yield from construction(concepts)
    yield from speed(concepts)
    yield from accuracy()


def construction(concepts: list[Concept]) -> Iterator[Row]:
    graph = Graph(concepts, [])
    names = sum(len(c.names) for c in concepts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, _ = timed(lambda: Linker(graph), times=3)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    yield Row("linker", "construction", seconds, "s", "< 1", seconds < 1, f"{names:,} names; process grew by {grown:.0f} MB")


def speed(concepts: list[Concept]) -> Iterator[Row]:
    linker = Linker(Graph(filled(concepts, NAMES), []))
    texts = clinical_texts()
    size = sum(len(t.encode()) for t in texts) / 1e6
    seconds, found = timed(lambda: sum(len(linker.mentions(t)) for t in texts))
    yield Row("linker", "mentions", size / seconds, "MB/s", ">= 5", size / seconds >= 5, f"{NAMES:,} names, {size:.1f} MB, {found:,} mentions, one core")
    seconds, _ = timed(lambda: sum(len(in_context(t, linker.mentions(t))) for t in texts))
    yield Row("linker", "mentions with context", size / seconds, "MB/s", note="the same")
    yield from alternatives(concepts, texts, size)


def alternatives(concepts: list[Concept], texts: list[str], size: float) -> Iterator[Row]:
    """The automaton over letters, as libraries offer it: every name in lower case, every hit, no boundaries or overlaps resolved."""
    names = sorted({n.lower() for c in filled(concepts, NAMES) for n in c.names if len(n) > 2})
    lowered = [t.lower() for t in texts]
    rust = ahocorasick_rs.AhoCorasick(names, store_patterns=False)
    seconds, hits = timed(lambda: sum(len(rust.find_matches_as_indexes(t, overlapping=True)) for t in lowered))
    yield Row("linker", "ahocorasick_rs over letters", size / seconds, "MB/s", note=f"{hits:,} raw hits: no plurals, spellings or boundaries yet")
    try:
        import ahocorasick
    except ImportError:
        yield Row("linker", "pyahocorasick over letters", 0, "MB/s", note="not installed")
        return
    automaton = ahocorasick.Automaton()
    for name in names:
        automaton.add_word(name, len(name))
    automaton.make_automaton()
    seconds, hits = timed(lambda: sum(1 for t in lowered for _ in automaton.iter(t)))
    yield Row("linker", "pyahocorasick over letters", size / seconds, "MB/s", note=f"{hits:,} raw hits, the same")


def accuracy() -> Iterator[Row]:
    try:
        sentences = list(labelled(SHARED))
    except ArtifactError as error:
        yield Row("linker", "labelled set", 0, "", note=str(error)[:100])
        return
    base = Knowledge.of(load_base())
    for split in ("dev", "test"):
        chosen = [s for s in sentences if s.split == split]
        linked, confused = score(chosen, base)
        right, proposed, wanted = linked
        yield Row("linker", f"{split}: concepts, precision", right / max(1, proposed), "", note=f"{right} of {proposed} mentions; {len(chosen)} sentences")
        yield Row("linker", f"{split}: concepts, recall", right / max(1, wanted), "", note=f"of {wanted} spans whose concept the base has")
        for context in CLASSES:
            hit = confused[context, context]
            said = sum(n for (_, given), n in confused.items() if given == context)
            true = sum(n for (label, _), n in confused.items() if label == context)
            yield Row("linker", f"{split}: {context}, precision", hit / max(1, said), "", note=f"{hit} of {said}")
            yield Row("linker", f"{split}: {context}, recall", hit / max(1, true), "", note=f"{hit} of {true} linked spans")
        total = sum(confused.values())
        yield Row("linker", f"{split}: context right", sum(confused[c, c] for c in CLASSES) / max(1, total), "", note=f"of {total} linked spans")


def score(sentences: list[Sentence], base: Knowledge) -> tuple[tuple[int, int, int], Counter[tuple[str, str]]]:
    """(right, proposed, wanted) of linking, and how often each labelled context was given which.

    A mention is right when it overlaps a span and names one of its concepts; the whole field is read, so that headings and questions are seen.
    """
    right = proposed = wanted = 0
    confused: Counter[tuple[str, str]] = Counter()
    bodies: dict[str, list[tuple[int, int, set[str], str]]] = {}
    for sentence in sentences:
        if sentence.body not in bodies:
            mentions = base.linker.mentions(sentence.body)
            bodies[sentence.body] = [
                (i.mention.start, i.mention.end, {c.id for c in i.mention.concepts}, i.context.value) for i in in_context(sentence.body, mentions)
            ]
        here = [m for m in bodies[sentence.body] if sentence.start <= m[0] and m[1] <= sentence.end]
        proposed += len(here)
        for span in sentence.spans:
            wanted += bool(span.concepts)
            start, end = sentence.start + span.start, sentence.start + span.end
            for _, _, _, context in islice((m for m in here if m[0] < end and start < m[1] and m[2] & set(span.concepts)), 1):
                right += 1
                confused[span.context, context] += 1
    return (right, proposed, wanted), confused


def timed(work: Callable[[], object], times: int = 5) -> tuple[float, object]:
    """The best of some runs, in CPU seconds, and what it gave."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        result = work()
        seconds.append(time.process_time() - began)
    return min(seconds), result


def clinical_texts() -> list[str]:
    found: list[str] = []
    for name, fields in (("mts_dialog/MTS-Dialog-TrainingSet.csv", ("section_text", "dialogue")), ("aci_bench/train.csv", ("dialogue", "note"))):
        with (SHARED / name).open(encoding="utf-8", newline="") as stream:
            found += [row[field] for row in csv.DictReader(stream) for field in fields]
    return found


def public_concepts() -> list[Concept]:
    """The base, and what the public vocabularies add to it, read just far enough to have their names."""
    names: dict[str, dict[str, None]] = {c.id: dict.fromkeys(c.names) for c in load_base().concepts.values()}
    kinds = {c.id: c.kind for c in load_base().concepts.values()}

    def add(id_: str, name: str, kind: Kind) -> None:
        names.setdefault(id_, {})[name] = None
        kinds.setdefault(id_, kind)

    with (SHARED / "disease_ontology/HumanDO.tsv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            add(row["id"], row["label"], Kind.CONDITION)
    for path in (*sorted((SHARED / "disease_ontology").glob("*.obo")), SHARED / "symptom_ontology/symp.obo"):
        for stanza in path.read_text(encoding="utf-8").split("[Term]")[1:]:
            id_ = stanza.split("id: ", 1)[1].split("\n", 1)[0].strip()
            for match in re.finditer(r'^(?:name: (.+)|synonym: "(.+?)")', stanza.split("[Typedef]")[0], re.M):
                add(id_, (match[1] or match[2]).strip(), Kind.SYMPTOM if id_.startswith("SYMP") else Kind.CONDITION)
    with (SHARED / "hpo/layperson-synonyms.tsv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            add("HP:" + row["?term"][-8:-1], row["?term_label"], Kind.SYMPTOM)
            add("HP:" + row["?term"][-8:-1], row["?layperson"], Kind.SYMPTOM)
    return [Concept(id=i, label=next(iter(n)), kind=kinds[i], synonyms=tuple(n)[1:], source="bench") for i, n in names.items()]


def filled(concepts: list[Concept], size: int) -> list[Concept]:
    more = (
        Concept(id=f"{quality}:{c.id}", label=f"{quality} {c.label}", kind=c.kind, synonyms=(), source="bench")
        for quality in ("acute", "chronic", "severe", "recurrent", "congenital")
        for c in concepts
    )
    return [*concepts, *islice(more, max(0, size - sum(len(c.names) for c in concepts)))]
