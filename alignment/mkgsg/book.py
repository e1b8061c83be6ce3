"""The open-book form of an item: its question with an evidence block, its reply with citations.

The block is what the retrieval finds, so that training reads what serving shows: facts that are needed, among others that are not. In a
share of the items everything that answers the question is taken out; then the right reply says so.
"""

import random
import re
from collections.abc import Iterator, Sequence

from alignment.mkgsg.case import Case
from alignment.mkgsg.generate import Written
from alignment.mkgsg.workflow import ruling_sentence, treatment_sentence
from core.knowledge import Knowledge
from core.knowledge.citations import without_citations
from core.knowledge.evidence import INSUFFICIENT, retrieve
from core.knowledge.graph import Fact, Graph
from core.reply import END_THINK, THINK
from core.types import Check, Reference, Relation
from evals.scorers.format import passes

BUDGETS = (60, 90, 120, 160, 220, 300)
"""Tokens of evidence; a short block leaves room for nothing but the best."""
LACKING = frozenset(
    ("first_line", "alternative", "symptom", "investigation", "dose", "contraindication", "interaction", "contraindicated_choice", "interaction_choice")
)
"""Families that have a form whose evidence lacks the answer. Refusals and red flags have not: there silence would be wrong."""
PLAIN = frozenset(("first_line", "alternative", "investigation", "dose", "contraindication", "interaction", "red_flag"))
"""Families whose answer is one fact."""
SHUFFLED = 0.3
"""Share of the blocks whose facts do not stand in the order of their relevance."""
MOST_CITED = 3
OTHERS = 0.15
"""Share of the blocks with facts about other concepts than those asked about."""
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]?\s*|\n")
_BLANK_LINES = re.compile(r"[^\S\n]*\n\s*")
_END = re.compile(r"[.!?]?\s*$")


def open_book(written: Written, case: Case, knowledge: Knowledge, rng: random.Random, *, lacking: bool = False) -> Written | None:
    """The item with evidence. None when nothing is found to lay before the model, or no form that lacks the answer exists."""
    found = list(retrieve(written.sample.messages, knowledge, rng.choice(BUDGETS)))
    if lacking:
        if case.family not in LACKING:
            return None
        found = _besides(case, [f for f in found if not _answers(f, case)], knowledge, rng)
    else:
        found += [f for f in _needed(written, case, knowledge) if f not in found]
    if not found:
        return None
    if case.facts and rng.random() < (0.5 if lacking else OTHERS):
        found += _others(found, case, knowledge, rng)
    if rng.random() < SHUFFLED:
        rng.shuffle(found)
    evidence = tuple(knowledge.graph.sentence(f) for f in found)
    if lacking:
        sample = written.sample.model_copy(update={"evidence": evidence, "reference": Reference(kind="insufficient"), "checks": (), "steps": ()})
        return Written(sample=sample, completion=INSUFFICIENT, unaligned=written.unaligned)
    sample = written.sample.model_copy(update={"evidence": evidence})
    completion = _quoted(case, found, knowledge.graph) or _cite_reply(written.completion, found, sample.checks, knowledge)
    unaligned = completion if written.unaligned == written.completion else _cite_reply(written.unaligned, found, (), knowledge)
    return Written(sample=sample, completion=completion, unaligned=unaligned)


def _besides(case: Case, found: Sequence[Fact], knowledge: Knowledge, rng: random.Random) -> list[Fact]:
    """What is left, and something else that is known of what was asked about: so the retrieval does where nothing answers."""
    about = case.condition or case.drug
    known = [f for r in Relation for f in knowledge.graph.facts_from(about, r) if not _answers(f, case) and f not in found]
    return [*found, *rng.sample(known, min(len(known), rng.randint(1, 4)))]


def _others(found: Sequence[Fact], case: Case, knowledge: Knowledge, rng: random.Random) -> list[Fact]:
    """Facts of the kind that is asked for, about something else: that such a fact is there must not give away that the answer is."""
    same = [f for f in rng.sample(knowledge.graph.facts, 60) if f.relation is case.facts[0].relation and not _answers(f, case) and f not in found]
    return same[: rng.randint(1, 3)]


def _needed(written: Written, case: Case, knowledge: Knowledge) -> Iterator[Fact]:
    """The path of the case, the steps that came with its findings, and for a vignette the red flag of its safety-net; each once."""
    graph = knowledge.graph
    steps = (graph.fact(s.subject, s.relation, s.object) for s in written.sample.steps)
    flag = graph.facts_from(case.condition, Relation.RED_FLAG)[:1] if case.family == "vignette" else ()
    return iter(dict.fromkeys(filter(None, (*case.facts, *steps, *flag))))


def _cite_reply(reply: str, facts: Sequence[Fact], checks: Sequence[Check], knowledge: Knowledge) -> str:
    """Thoughts are always cited, the answer where the form that was asked for allows it."""
    thought, tag, answer = reply.rpartition(END_THINK)
    cited = cite(answer.strip(), facts, knowledge)
    said = cited if all(passes(c, without_citations(cited)) for c in checks) else answer.strip()
    return f"{THINK} {cite(thought.removeprefix(THINK), facts, knowledge)}\n{tag} {said}" if tag else said


def _quoted(case: Case, facts: Sequence[Fact], graph: Graph) -> str | None:
    """What answers a plain question is the first fact of the block that does: which of several is asked of nobody. None for other families."""
    if case.family not in PLAIN:
        return None
    is_any_right = case.family != "red_flag"
    fact = next(f for f in facts if f in case.facts or (is_any_right and _answers(f, case) and f.line == case.facts[0].line))
    return quotation(facts.index(fact) + 1, fact, graph)


def cite(text: str, facts: Sequence[Fact], knowledge: Knowledge) -> str:
    """The text with the numbers of the facts behind each sentence that they support, before its full stop.

    A sentence that only states facts becomes quotations, each on a line of its own behind its number: quoting is exact, and a small model
    that has chosen the number only has to go on copying.
    """
    if text.lstrip().startswith("{"):
        return text
    return _BLANK_LINES.sub("\n", "".join(_cited(m.group(0), facts, knowledge) for m in _SENTENCE.finditer(text))).strip()


def _cited(sentence: str, facts: Sequence[Fact], knowledge: Knowledge) -> str:
    named = {c.id for m in knowledge.linker.mentions(sentence) for c in m.concepts}
    found = [(n, f) for n, f in enumerate(facts, start=1) if _supports(f, named, sentence)]
    if not found:
        return sentence
    if _only_states([f for _, f in found], sentence.strip(), knowledge.graph):
        return "\n" + "\n".join(quotation(n, f, knowledge.graph) for n, f in found) + "\n"
    end = _END.search(sentence)
    assert end is not None
    return f"{sentence[: end.start()]} {''.join(f'[{n}]' for n, _ in found[:MOST_CITED])}{end.group(0)}"


def quotation(number: int, fact: Fact, graph: Graph) -> str:
    return f"[{number}] {graph.sentence(fact)}"


def _only_states(facts: Sequence[Fact], sentence: str, graph: Graph) -> bool:
    """Whether the sentence is how a reply without evidence tells these facts, and nothing else."""
    fact = facts[0]
    if all(f.relation is Relation.HAS_SYMPTOM and f.subject == fact.subject for f in facts):
        label = graph.label(fact.subject)
        listing = (f"Typical symptoms of {label} are ", f"A typical symptom of {label} is ")
        return sentence.startswith(listing) or sentence.endswith((f" are symptoms of {label}.", f" is a symptom of {label}."))
    if len(facts) > 1:
        return False
    told = {graph.sentence(fact)}
    match fact.relation:
        case Relation.TREATED_BY:
            told |= {treatment_sentence(fact, graph), treatment_sentence(fact, graph, another=True)}
        case Relation.CONTRAINDICATED_IN:
            told |= {ruling_sentence(fact, fact.subject, graph)}
        case Relation.INTERACTS_WITH:
            told |= {ruling_sentence(fact, drug, graph) for drug in (fact.subject, fact.object)}
    return sentence in told


def _supports(fact: Fact, named: set[str], sentence: str) -> bool:
    return fact.subject in named and (fact.object in sentence if fact.relation is Relation.DOSE else fact.object in named)


def _answers(fact: Fact, case: Case) -> bool:
    """Whether the fact says something of what is asked for, or of whatever would answer it."""
    if fact in case.facts:
        return True
    if fact.relation is Relation.RED_FLAG and fact.subject == case.condition and fact.object in case.accepted:
        return True  # it names the symptom that is asked for
    asked = case.condition if case.condition else case.drug
    relation = Relation.TREATED_BY if case.is_ruled_out else case.facts[0].relation
    return fact.relation is relation and asked in (fact.subject, fact.object)
