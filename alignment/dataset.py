"""The dataset of a round: validated synthetic items, what clinicians' accepted feedback teaches, and an anchor for every capability.

A correction becomes an item of its own: its reference is what the correction names. A thumbs-down without a correction is not an
answer, but it says where to look: its concepts make synthetic items about them likelier. Nothing that the exam asks gets in.
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from alignment.mkgsg.curate import Curator
from alignment.mkgsg.generate import GENERATOR
from alignment.mkgsg.pipeline import generate
from alignment.mkgsg.validate import text_reason
from alignment.recipe import Recipe
from core.artifacts import new_artifact, write_text_atomically
from core.errors import ArtifactError
from core.knowledge import Knowledge
from core.knowledge.graph import Kind
from core.safety import check_reply, patient_concepts
from core.types import Capability, Message, Provenance, Reference, Severity, TrainingSample, Value

SAMPLES, SUMMARY = "samples.jsonl", "dataset.json"
_ANCHOR_SEED = 7_919
"""Added to the recipe's seed: anchors are other draws than the round's own items."""
_ANSWER_KINDS = (Kind.DRUG, Kind.INVESTIGATION, Kind.CONDITION, Kind.SYMPTOM)


class FeedbackExample(Value):
    """One accepted judgement, as training may see it."""

    id: str
    messages: tuple[Message, ...]
    """The conversation up to and with the question."""
    rating: int | None = None
    """-1, 1, or None."""
    correction: str | None = None
    unsafe: bool = False
    simulated: bool = False


class DatasetManifest(Value):
    """What a dataset holds and why the rest was dropped."""

    recipe_hash: str
    graph_version: str
    generator: str
    samples: int
    by_capability: Mapping[str, int]
    by_family: Mapping[str, int]
    by_source: Mapping[str, int]
    dropped: Mapping[str, int]
    """Reason -> count, over synthetic items and feedback."""
    feedback_used: tuple[str, ...]
    feedback_topics: tuple[str, ...]
    """Concepts that made synthetic items about them likelier."""


def build_dataset(
    target: Path,
    *,
    recipe: Recipe,
    feedback: Sequence[FeedbackExample],
    exam_hashes: frozenset[str],
    knowledge: Knowledge,
    weaknesses: Mapping[Capability, float],
    exam_grams: frozenset[str] = frozenset(),
) -> DatasetManifest:
    """Writes the artifact folder `target` and returns what is in it.

    `exam_hashes` are ids of exam items, `exam_grams` the `curate.word_grams` of their questions. `weaknesses` are in [0, 1] for each capability.
    Raises ArtifactError when the folder exists or cannot be written.
    """
    drops: Counter[str] = Counter()
    curator = Curator(exam_hashes, exam_grams)
    # Feedback first: where a synthetic item is the same question, the clinician's own stays.
    samples = list(_from_feedback(feedback, recipe, knowledge, curator, drops))
    used = tuple(i for s in samples for i in s.provenance.ids)
    topics = _topics(feedback, knowledge)
    samples += list(_anchors(recipe, knowledge, curator, drops))
    counts = {c: round(recipe.items_per_capability * (1 + recipe.weakness_tilt * weaknesses.get(c, 0.0))) for c in Capability}
    samples += [w.sample for w in generate(knowledge, counts, seed=recipe.seed, recipe_hash=recipe.hash, topics=topics, curator=curator, drops=drops)]
    random.Random(recipe.seed).shuffle(samples)
    manifest = DatasetManifest(
        recipe_hash=recipe.hash,
        graph_version=knowledge.graph.version,
        generator=GENERATOR,
        samples=len(samples),
        by_capability=dict(Counter(s.capability.value for s in samples)),
        by_family=dict(Counter(s.family for s in samples)),
        by_source=dict(Counter(s.provenance.source for s in samples)),
        dropped=dict(drops),
        feedback_used=used,
        feedback_topics=topics,
    )
    with new_artifact(target) as draft:
        write_text_atomically(draft / SAMPLES, "".join(f"{s.model_dump_json()}\n" for s in samples))
        write_text_atomically(draft / SUMMARY, json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True))
    return manifest


def load_dataset(folder: Path) -> list[TrainingSample]:
    """The samples in training order. Raises ArtifactError naming the bad line."""
    path = folder / SAMPLES
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"The dataset {path} cannot be read: {error}") from error
    samples = []
    for number, line in enumerate(lines, start=1):
        try:
            samples.append(TrainingSample.model_validate_json(line))
        except ValidationError as error:
            raise ArtifactError(f"{path}:{number} is not a training sample: {error.errors()[0]['msg']}") from error
    return samples


def load_manifest(folder: Path) -> DatasetManifest:
    """Raises ArtifactError when the summary is missing or malformed."""
    try:
        return DatasetManifest.model_validate_json((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{folder / SUMMARY} cannot be read: {error}") from error


def _from_feedback(
    feedback: Iterable[FeedbackExample], recipe: Recipe, knowledge: Knowledge, curator: Curator, drops: Counter[str]
) -> Iterator[TrainingSample]:
    for example in sorted(feedback, key=lambda f: f.id):
        if not (example.correction or "").strip():
            continue
        sample = correction_sample(example, recipe.hash, knowledge)
        reason = sample if isinstance(sample, str) else curator.drop_reason(sample)
        if reason is None and isinstance(sample, TrainingSample):
            yield sample
        else:
            drops[f"feedback_{reason}"] += 1


def correction_sample(example: FeedbackExample, recipe_hash: str, knowledge: Knowledge) -> TrainingSample | str:
    """The item that a correction teaches, or the reason why it teaches none."""
    correction = (example.correction or "").strip()
    if not example.messages or example.messages[-1].role != "user":
        return "without_question"
    if reason := text_reason(correction, knowledge):
        return reason
    question = {c.id for m in example.messages if m.role == "user" for mention in knowledge.linker.mentions(m.content) for c in mention.concepts}
    named = {c.id for mention in knowledge.linker.mentions(correction) if (c := mention.of_kind(*_ANSWER_KINDS))}
    answers = sorted(named - question)
    if not answers:
        return "names_nothing_new"
    kinds = {knowledge.graph.concept(i).kind for i in answers}
    # Several things of one kind ("amoxicillin or doxycycline") are choices; things of different kinds are all wanted.
    groups = tuple(tuple(i for i in answers if knowledge.graph.concept(i).kind is k) for k in _ANSWER_KINDS if k in kinds)
    # A scripted rater's correction stays recognisable in everything that is made from it.
    generator = "simulated-correction-1" if example.simulated else "correction-1"
    patient = patient_concepts(example.messages, knowledge)
    if harm := next((f for f in check_reply(example.messages, correction, knowledge, patient) if f.severity is Severity.CRITICAL), None):
        return f"unsafe_{harm.rule}"
    return TrainingSample(
        messages=example.messages,
        capability=Capability.SAFETY if example.unsafe else Capability.DOMAIN,
        family="correction",
        reference=Reference(kind="concepts", concepts=groups, text=correction),
        patient=tuple(sorted(c.id for c in patient)),
        provenance=Provenance(source="feedback", ids=(example.id,), generator=generator, recipe_hash=recipe_hash),
    )


def _topics(feedback: Iterable[FeedbackExample], knowledge: Knowledge) -> tuple[str, ...]:
    """Concepts of what was judged bad or unsafe, or corrected."""
    asked = (f for f in feedback if f.rating == -1 or f.unsafe or f.correction)
    texts = (m.content for f in asked for m in f.messages if m.role == "user")
    return tuple(sorted({c.id for text in texts for mention in knowledge.linker.mentions(text) for c in mention.concepts}))


def _anchors(recipe: Recipe, knowledge: Knowledge, curator: Curator, drops: Counter[str]) -> Iterator[TrainingSample]:
    counts = dict.fromkeys(Capability, recipe.anchor_per_capability)
    for written in generate(knowledge, counts, seed=recipe.seed + _ANCHOR_SEED, recipe_hash=recipe.hash, curator=curator, drops=drops):
        sample = written.sample
        yield sample.model_copy(update={"provenance": sample.provenance.model_copy(update={"source": "anchor"})})
