"""Made-up graphs: nothing said of two real concepts, other names for other seeds, enough of everything to make items."""

from alignment.mkgsg.nonce import nonce_graph
from alignment.mkgsg.source import enumerate_cases
from core.knowledge import knowledge

BASE = knowledge().graph
GRAPH = nonce_graph(BASE, "1")


def test_no_fact_joins_two_real_concepts():
    real = {f for f in GRAPH.facts if f.subject in BASE.concepts and f.object in BASE.concepts}
    assert not real
    assert not [f for f in GRAPH.facts if f.dose and f.subject in BASE.concepts]


def test_made_up_names_are_nobody_elses():
    real = {n.lower() for c in BASE.concepts.values() for n in c.names}
    made_up = [c.label.lower() for c in GRAPH.concepts.values() if c.id not in BASE.concepts]
    assert len(set(made_up)) == len(made_up)
    assert not real & set(made_up)


def test_the_seed_decides_the_graph():
    assert nonce_graph(BASE, "1").version == GRAPH.version
    other = nonce_graph(BASE, "2")
    names = {c.label for c in GRAPH.concepts.values() if c.id not in BASE.concepts}
    assert len(names & {c.label for c in other.concepts.values()}) < len(names) / 50


def test_every_family_has_cases():
    assert all(enumerate_cases(GRAPH).values())
