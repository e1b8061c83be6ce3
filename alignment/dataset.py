"""The dataset of a round: validated synthetic items, what clinicians' accepted feedback teaches, and an anchor for every capability.

A correction becomes an item of its own: what it puts forward is right there, what it denies or warns of is wrong. A thumbs-down without a correction is not an
answer, but it says where to look: its concepts make synthetic items about them likelier. Nothing that the exam asks gets in.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alignment.feedback import FeedbackExample
from alignment.mkgsg.attempts import Attempts
from alignment.mkgsg.curate import Curator
from alignment.mkgsg.generate import Written
from alignment.mkgsg.manifest import DatasetManifest, manifest_of, write_manifest
from alignment.mkgsg.pipeline import Books, Line, of_capabilities
from alignment.mkgsg.shards import read_samples, shard_name, shard_paths, write_samples
from alignment.mkgsg.source import enumerate_cases, families_of
from alignment.mkgsg.tally import Tally
from alignment.mkgsg.teacher import Teacher
from alignment.mkgsg.validate import text_reason
from alignment.recipe import Recipe
from alignment.rewards.judgements import judgements_of, write_judgements
from core.artifacts import new_artifact
from core.errors import ArtifactError
from core.knowledge import Knowledge
from core.knowledge.graph import Kind
from core.reply import split_reply
from core.safety import check_reply, patient_concepts, recommended_drugs
from core.types import Capability, Provenance, Reference, Severity, TrainingSample
from evals.scorers.naming import denials

_ANCHOR_SEED = 7_919
"""Added to the recipe's seed: anchors are other draws than the round's own items."""
_LISTS = re.compile(r"(?:\s|[,/+&]|\b(?:and|or|plus|an?|the)\b)+", re.I)
"""Between two names that are put forward alike."""
_ANSWER_KINDS = (Kind.DRUG, Kind.INVESTIGATION, Kind.CONDITION, Kind.SYMPTOM)


def build_dataset(
    target: Path,
    *,
    recipe: Recipe,
    feedback: Sequence[FeedbackExample],
    exam_hashes: frozenset[str],
    knowledge: Knowledge,
    weaknesses: Mapping[Capability, float],
    exam_grams: frozenset[str] = frozenset(),
    exam: str = "",
    judged: Sequence[FeedbackExample] = (),
    attempts: Attempts | None = None,
    teacher: Teacher | None = None,
) -> DatasetManifest:
    """Writes the artifact folder `target` and returns what is in it.

    `exam_hashes` are ids of exam items, `exam_grams` the `curate.word_grams` of their questions, `exam` the exam's own hash, which the manifest
    notes. `weaknesses` are in [0, 1] for each capability. `judged` is every accepted judgement, earlier rounds' too: the pairs in it are what models
    in the reward learn from and are measured by. `attempts` tries the round's own items (anchors and feedback stay as they are), `teacher` words
    them. Raises ArtifactError when the folder exists or cannot be written, Unavailable when a model stays away.
    """
    tally = Tally()
    counts = {c: round(recipe.items_per_capability * (1 + recipe.weakness_tilt * weaknesses.get(c, 0.0))) for c in Capability}
    wanted = len(feedback) + sum(counts.values()) + len(Capability) * recipe.anchor_per_capability
    curator = Curator(exam_hashes, exam_grams, capacity=2 * wanted)  # twice: what the tries drop is remembered too
    # Feedback first: where a synthetic item is the same question, the clinician's own stays.
    items: list[TrainingSample | Written] = list(_from_feedback(feedback, recipe, knowledge, curator, tally))
    used = tuple(i for s in items if isinstance(s, TrainingSample) for i in s.provenance.ids)
    topics = _topics(feedback, knowledge)
    cases, families = enumerate_cases(knowledge.graph, recipe.families, recipe.max_depth), families_of(recipe.families)
    line = Line(knowledge, curator, tally, recipe.hash, books=Books(recipe.open_book, recipe.lacking_evidence))
    anchors = dict.fromkeys(Capability, recipe.anchor_per_capability)
    items += of_capabilities(replace(line, source="anchor"), anchors, families, cases, recipe.seed + _ANCHOR_SEED)
    line = replace(line, topics=frozenset(topics), teacher=teacher, attempts=attempts)
    items += of_capabilities(line, counts, families, cases, recipe.seed)
    random.Random(recipe.seed).shuffle(items)
    judgements, dropped = judgements_of(judged, knowledge, exam_grams)
    tally.dropped.update(dropped)
    by_source = Counter(j.source for j in judgements)
    manifest = manifest_of(
        tally,
        knowledge,
        recipe_hash=recipe.hash,
        seed=recipe.seed,
        feedback_used=used,
        feedback_topics=topics,
        judgements=dict(sorted(by_source.items())),
        exam=exam,
    )
    with new_artifact(target) as draft:
        write_samples(draft, items)
        write_judgements(draft, judgements)
        write_manifest(draft, manifest)
    return manifest


def load_dataset(folder: Path) -> list[TrainingSample]:
    """The samples in training order. Raises ArtifactError naming the bad row."""
    paths = shard_paths(folder)
    if not paths:
        raise ArtifactError(f"The dataset {folder} cannot be read: it holds no {shard_name(0)}")
    return [sample for path in paths for sample in read_samples(path)]


def _from_feedback(feedback: Iterable[FeedbackExample], recipe: Recipe, knowledge: Knowledge, curator: Curator, tally: Tally) -> Iterator[TrainingSample]:
    for example in sorted(feedback, key=lambda f: f.id):
        if not (example.correction or "").strip():
            continue
        sample = correction_sample(example, recipe.hash, knowledge)
        reason = sample if isinstance(sample, str) else curator.drop_reason(sample)
        if reason is None and isinstance(sample, TrainingSample):
            tally.keep(sample)
            yield sample
        else:
            tally.dropped[f"feedback_{reason}"] += 1


def correction_sample(example: FeedbackExample, recipe_hash: str, knowledge: Knowledge) -> TrainingSample | str:
    """The item that a correction teaches, or the reason why it teaches none."""
    correction = (example.correction or "").strip()
    if not example.messages or example.messages[-1].role != "user":
        return "without_question"
    if any(m.role == "tool" or m.tool_calls for m in example.messages):
        return "with_tools"  # no template of a small model shows them, and no item of ours is about them
    if any("\ud800" <= c <= "\udfff" for text in (correction, *(m.content for m in example.messages)) for c in text):
        return "unreadable"  # half of a character, which JSON can carry and no file can hold
    if reason := text_reason(correction, knowledge):
        return reason
    question = {c.id for m in example.messages if m.role == "user" for mention in knowledge.linker.mentions(m.content) for c in mention.concepts}
    put_forward, denied = _stances(correction, knowledge)
    answers = sorted(put_forward - question)
    if not answers:
        return "names_nothing_new"
    if _may_quote(correction, example.reply, set(answers), knowledge):
        return "may_quote_the_reply"
    kinds = {knowledge.graph.concept(i).kind for i in answers}
    # Several things of one kind ("amoxicillin or doxycycline") are choices; things of different kinds are all wanted.
    groups = tuple(tuple(i for i in answers if knowledge.graph.concept(i).kind is k) for k in _ANSWER_KINDS if k in kinds)
    # Ruled out is what it would be instead: "no fever: give paracetamol" rules no answer out that speaks of fever.
    ruled_out = tuple(i for i in sorted(denied - question) if (kind := knowledge.graph.concept(i).kind) is Kind.DRUG or kind in kinds)
    # A scripted rater's correction stays recognisable in everything that is made from it.
    generator = "simulated-correction-1" if example.simulated else "correction-1"
    patient = patient_concepts(example.messages, knowledge)
    if harm := next((f for f in check_reply(example.messages, correction, knowledge, patient) if f.severity is Severity.CRITICAL), None):
        return f"unsafe_{harm.rule}"
    return TrainingSample(
        messages=example.messages,
        capability=Capability.SAFETY if example.unsafe else Capability.DOMAIN,
        family="correction",
        reference=Reference(kind="concepts", concepts=groups, forbidden=ruled_out, text=correction),
        patient=tuple(sorted(c.id for c in patient)),
        evidence=example.evidence,
        provenance=Provenance(source="feedback", ids=(example.id,), generator=generator, recipe_hash=recipe_hash),
    )


def _stances(correction: str, knowledge: Knowledge) -> tuple[set[str], set[str]]:
    """Ids that a correction puts forward, and those that it only denies or warns of: "not ibuprofen: give paracetamol".

    Two readings of a drug must agree, the words around its name and the clinical rules; where they do not, it is neither.
    """
    recommended = {drug.id for drug, _ in recommended_drugs(correction, knowledge)}
    put_forward, denied = set[str](), set[str]()
    mentions = knowledge.linker.mentions(correction)
    for mention, is_denied in zip(mentions, denials(correction, mentions), strict=True):
        if concept := mention.of_kind(*_ANSWER_KINDS):
            is_warned = concept.kind is Kind.DRUG and concept.id not in recommended
            if not is_denied and not is_warned:
                put_forward.add(concept.id)
            elif is_warned or concept.kind is not Kind.DRUG:
                denied.add(concept.id)
    return put_forward, denied - put_forward


def _may_quote(correction: str, reply: str, answers: set[str], knowledge: Knowledge) -> bool:
    """Whether one of the answers may be named only because the reply did: "it said cellulitis; it is gout", "naproxen -> colchicine".

    No list of words knows every way to say that something was wrong. So where a correction names two of one kind, of which the reply named one or both, and
    does not simply list them ("colchicine or naproxen"), which of the two is right is left open.
    """
    said = {c.id for mention in knowledge.linker.mentions(split_reply(reply).answer) for c in mention.concepts}
    before: dict[Kind, tuple[str, int]] = {}
    for mention in knowledge.linker.mentions(correction):
        if (concept := mention.of_kind(*_ANSWER_KINDS)) and concept.id in answers:
            other, end = before.get(concept.kind, (concept.id, 0))
            if other != concept.id and {other, concept.id} & said and not _LISTS.fullmatch(correction, end, mention.start):
                return True
            before[concept.kind] = (concept.id, mention.end)
    return False


def _topics(feedback: Iterable[FeedbackExample], knowledge: Knowledge) -> tuple[str, ...]:
    """Concepts of what was judged bad or unsafe, or corrected."""
    asked = (f for f in feedback if f.rating == -1 or f.unsafe or f.correction)
    texts = (m.content for f in asked for m in f.messages if m.role == "user")
    return tuple(sorted({c.id for text in texts for mention in knowledge.linker.mentions(text) for c in mention.concepts}))
