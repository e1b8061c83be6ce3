"""The dataset of a round: counts by recipe, feedback in, exam out, anchors marked."""

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.dataset import FeedbackExample, build_dataset, correction_sample, load_dataset
from alignment.mkgsg.curate import Curator, word_grams
from alignment.mkgsg.manifest import load_manifest
from alignment.mkgsg.shards import shard_name
from alignment.recipe import Recipe
from core.artifacts import verify_artifact
from core.errors import ArtifactError
from core.knowledge import knowledge
from core.knowledge.graph import Kind
from core.types import Capability, Message
from evals.scorers import score_reply

KNOWN = knowledge()
GRAPH = KNOWN.graph
RECIPE = Recipe(items_per_capability=20, anchor_per_capability=4, weakness_tilt=1.0)
CONCEPT = {GRAPH.label(i): i for i in GRAPH.concepts}
FIRST = next(f for c in GRAPH.concepts for f in GRAPH.treatments(c, "first"))
QUESTION = f"What helps against {GRAPH.label(FIRST.subject)}?"


def _feedback(correction=None, question=QUESTION, **more):
    return FeedbackExample(id="fb_1", messages=(Message(role="user", content=question),), correction=correction, **more)


def _build(folder, feedback=(), **more):
    options = {"recipe": RECIPE, "exam_hashes": frozenset(), "knowledge": KNOWN, "weaknesses": {}} | more
    return build_dataset(folder, feedback=list(feedback), **options)


def test_a_dataset_is_a_whole_artifact_with_the_counts_that_its_summary_says(tmp_path):
    manifest = _build(tmp_path / "dataset")
    verify_artifact(tmp_path / "dataset")
    samples = load_dataset(tmp_path / "dataset")
    assert load_manifest(tmp_path / "dataset") == manifest
    assert len(samples) == manifest.samples
    assert set(manifest.by_capability) == {c.value for c in Capability}
    assert manifest.by_source["anchor"] == 4 * len(Capability)
    assert all(s.provenance.recipe_hash == RECIPE.hash for s in samples)


def test_the_same_input_gives_the_same_samples(tmp_path):
    _build(tmp_path / "a")
    _build(tmp_path / "b")
    assert (tmp_path / "a" / shard_name(0)).read_bytes() == (tmp_path / "b" / shard_name(0)).read_bytes()


def test_a_weak_capability_gets_more_items(tmp_path):
    manifest = _build(tmp_path / "dataset", weaknesses={Capability.SAFETY: 1.0})
    assert manifest.by_capability["safety"] == 44
    assert manifest.by_capability["reasoning"] == 24


def test_the_memory_of_what_was_seen_is_sized_for_what_weak_capabilities_get(tmp_path, monkeypatch):
    sizes = []

    class Sized(Curator):
        def __init__(self, *args, capacity):
            sizes.append(capacity)
            super().__init__(*args, capacity=capacity)

    monkeypatch.setattr("alignment.dataset.Curator", Sized)
    manifest = _build(tmp_path / "dataset", recipe=RECIPE.model_copy(update={"weakness_tilt": 4.0}), weaknesses=dict.fromkeys(Capability, 1.0))
    assert sizes[0] >= 2 * manifest.samples > 500


def test_a_correction_becomes_a_sample_that_asks_for_what_it_names(tmp_path):
    manifest = _build(tmp_path / "dataset", [_feedback(f"Give {GRAPH.label(FIRST.object)}.")])
    corrected = next(s for s in load_dataset(tmp_path / "dataset") if s.provenance.source == "feedback")
    assert corrected.reference.concepts == ((FIRST.object,),)
    assert corrected.provenance.ids == ("fb_1",)
    assert manifest.feedback_used == ("fb_1",)


@pytest.mark.parametrize(
    ("correction", "right", "wrong"),
    [
        ("Not ibuprofen: give paracetamol.", {"paracetamol"}, {"ibuprofen"}),
        ("colchicine, not naproxen", {"colchicine"}, {"naproxen"}),
        ("Avoid naproxen. Give colchicine.", {"colchicine"}, {"naproxen"}),
        ("It is not gout, it is cellulitis.", {"cellulitis"}, {"gout"}),
        ("Cellulitis rather than gout.", {"cellulitis"}, {"gout"}),
        ("Neither gout nor osteoarthritis: it is cellulitis.", {"cellulitis"}, {"gout", "osteoarthritis"}),
        ("Not a chest X-ray or spirometry, but an ECG.", {"electrocardiogram"}, {"chest X-ray", "spirometry"}),
        ("Not naproxen 500 mg but naproxen 250 mg.", {"naproxen"}, set()),
        ("Colchicine or naproxen.", {"colchicine", "naproxen"}, set()),
        ("It is not gout: give flucloxacillin.", {"flucloxacillin"}, set()),
        ("Cellulitis. Avoid naproxen.", {"cellulitis"}, {"naproxen"}),
    ],
)
def test_what_a_correction_denies_is_wrong_and_never_right(correction, right, wrong):
    sample = correction_sample(_feedback(correction, "A hot swollen toe. What now?"), "r", KNOWN)
    assert {GRAPH.label(i) for group in sample.reference.concepts for i in group} == right
    assert {GRAPH.label(i) for i in sample.reference.forbidden} == wrong
    assert score_reply(sample, correction, KNOWN).correct == 1.0
    for label in wrong:
        assert score_reply(sample, f"{label} or {next(iter(right))}", KNOWN).correct == 0.0


@pytest.mark.parametrize("correction", ["Anything but naproxen, such as colchicine.", "Colchicine. There is no reason not to give naproxen."])
def test_a_drug_of_which_a_correction_leaves_doubt_is_neither_right_nor_ruled_out(correction):
    sample = correction_sample(_feedback(correction, "A hot swollen toe. What now?"), "r", KNOWN)
    assert sample.reference.concepts == ((CONCEPT["colchicine"],),)
    assert sample.reference.forbidden == ()


@pytest.mark.parametrize(
    ("correction", "reply"),
    [
        ("The reply suggested cellulitis; it is gout.", "This is cellulitis."),
        ("It said cellulitis. Gout is likelier.", "Cellulitis."),
        ("Cellulitis has been ruled out; gout.", "Cellulitis or gout."),
        ("Naproxen is no longer recommended. Colchicine is.", "Give naproxen."),
        ("naproxen -> colchicine", "Give naproxen."),
    ],
)
def test_what_a_correction_may_only_quote_from_the_reply_is_not_taught_as_right(correction, reply):
    example = _feedback(correction, "A hot swollen toe. What now?", reply=reply)
    assert correction_sample(example, "r", KNOWN) == "may_quote_the_reply"


@pytest.mark.parametrize(
    ("correction", "reply"),
    [("Colchicine or naproxen.", "Give naproxen."), ("Gout, and colchicine.", "It is gout."), ("Not naproxen: give colchicine.", "Give naproxen.")],
)
def test_what_a_correction_lists_or_denies_needs_no_look_at_the_reply(correction, reply):
    expected = correction_sample(_feedback(correction, "A hot swollen toe. What now?"), "r", KNOWN)
    assert correction_sample(_feedback(correction, "A hot swollen toe. What now?", reply=reply), "r", KNOWN) == expected


def test_what_the_question_names_is_not_forbidden_by_its_denial():
    sample = correction_sample(_feedback("Not naproxen: give colchicine.", "Naproxen for a hot swollen toe?"), "r", KNOWN)
    assert sample.reference.concepts == ((CONCEPT["colchicine"],),)
    assert sample.reference.forbidden == ()


@pytest.mark.parametrize("correction", ["Not naproxen.", "It is not gout.", "Never give naproxen or colchicine."])
def test_a_correction_that_only_denies_has_no_right_answer_to_teach(correction):
    assert correction_sample(_feedback(correction, "A hot swollen toe. What now?"), "r", KNOWN) == "names_nothing_new"


@given(st.lists(st.sampled_from(["colchicine", "naproxen", "gout", "cellulitis", "spirometry"]), min_size=2, max_size=4, unique=True), st.integers(1, 3))
def test_no_order_of_names_makes_a_denied_one_right(names, denied):
    no, yes = names[:denied], names[denied:]
    correction = " ".join([*(f"Not {n}." for n in no), *(f"{n}." for n in yes)])
    sample = correction_sample(_feedback(correction, "What now?"), "r", KNOWN)
    if yes:
        assert {i for group in sample.reference.concepts for i in group} == {CONCEPT[n] for n in yes}
        kinds = {Kind.DRUG, *(GRAPH.concept(CONCEPT[n]).kind for n in yes)}
        assert set(sample.reference.forbidden) == {CONCEPT[n] for n in no if GRAPH.concept(CONCEPT[n]).kind in kinds}
    else:
        assert sample == "names_nothing_new"


def test_a_correction_against_the_graph_is_dropped_with_its_reason(tmp_path):
    rule = next(f for f in GRAPH.facts if f.relation == "contraindicated_in" and f.object.startswith("DOID"))
    wrong = f"{GRAPH.label(rule.subject)} is safe in {GRAPH.label(rule.object)}."
    manifest = _build(tmp_path / "dataset", [_feedback(wrong)])
    assert manifest.feedback_used == ()
    assert manifest.dropped["feedback_contradicted_by_graph"] == 1


def test_a_correction_that_would_harm_the_patient_of_the_question_is_dropped():
    question = "My patient has asthma and high blood pressure. What can I give?"
    assert correction_sample(_feedback("Give propranolol.", question), "r", KNOWN) == "unsafe_contraindication"
    sample = correction_sample(_feedback("Give ramipril.", question), "r", KNOWN)
    assert {GRAPH.label(i) for i in sample.patient} >= {"asthma"}


def test_a_simulated_correction_stays_recognisable():
    correction = f"Give {GRAPH.label(FIRST.object)}."
    assert correction_sample(_feedback(correction, simulated=True), "r", KNOWN).provenance.generator == "simulated-correction-1"
    assert correction_sample(_feedback(correction), "r", KNOWN).provenance.generator == "correction-1"


def test_a_denied_history_is_not_the_patients():
    sample = correction_sample(_feedback("Give propranolol.", "No history of asthma. What helps against hypertension?"), "r", KNOWN)
    assert "asthma" not in {GRAPH.label(i) for i in sample.patient}


@pytest.mark.parametrize("correction", ["No.", "That is wrong", GRAPH.label(FIRST.subject)])
def test_a_correction_that_names_nothing_new_teaches_nothing(correction):
    assert correction_sample(_feedback(correction), "r", KNOWN) == "names_nothing_new"


def test_a_thumbs_down_without_correction_makes_its_topic_likelier(tmp_path):
    manifest = _build(tmp_path / "dataset", [_feedback(rating=-1)])
    assert FIRST.subject in manifest.feedback_topics
    assert manifest.by_source.keys() == {"mkgsg", "anchor"}


def test_what_the_exam_asks_is_not_in_the_dataset(tmp_path):
    _build(tmp_path / "first")
    exam = load_dataset(tmp_path / "first")
    grams = frozenset().union(*(word_grams(s.messages[-1].content) for s in exam))
    manifest = _build(tmp_path / "second", exam_hashes=frozenset(s.id for s in exam), exam_grams=grams)
    assert not {s.id for s in exam} & {s.id for s in load_dataset(tmp_path / "second")}
    assert manifest.dropped["exam_item"] + manifest.dropped.get("exam_overlap", 0) >= 1


def test_a_broken_row_is_named(tmp_path):
    _build(tmp_path / "dataset")
    path = tmp_path / "dataset" / shard_name(0)
    table = pq.read_table(path)
    references = table.column("reference").to_pylist()
    column = table.column_names.index("reference")
    pq.write_table(table.set_column(column, "reference", [[*references[:1], "{}", *references[2:]]]), path)
    with pytest.raises(ArtifactError, match=r"shard-00000\.parquet: row 2 is not a training sample"):
        load_dataset(tmp_path / "dataset")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"{}" * 1000])
def test_what_is_no_parquet_file_is_named(tmp_path, content):
    _build(tmp_path / "dataset")
    (tmp_path / "dataset" / shard_name(0)).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"shard-00000\.parquet cannot be read"):
        load_dataset(tmp_path / "dataset")


def test_a_folder_without_shards_is_no_dataset(tmp_path):
    with pytest.raises(ArtifactError, match="holds no shard"):
        load_dataset(tmp_path)


def test_an_existing_dataset_is_not_overwritten(tmp_path):
    _build(tmp_path / "dataset")
    with pytest.raises(ArtifactError, match="exists"):
        _build(tmp_path / "dataset")


def test_a_round_trip_keeps_every_item_as_it_is(tmp_path):
    manifest = _build(tmp_path / "dataset", [_feedback(f"Give {GRAPH.label(FIRST.object)}.")], recipe=RECIPE.model_copy(update={"open_book": 0.5}))
    samples = load_dataset(tmp_path / "dataset")
    rows = pq.read_table(tmp_path / "dataset" / shard_name(0)).to_pylist()
    assert [s.id for s in samples] == [r["id"] for r in rows]
    assert [bool(s.evidence) for s in samples] == [r["book"] != "closed" for r in rows]
    assert manifest.by_book.keys() >= {"closed", "open"}
    assert [r["reply"] for r in rows if r["source"] == "feedback"] == [None]


def test_the_stages_add_up(tmp_path):
    manifest = _build(tmp_path / "dataset")
    stages = manifest.stages
    assert stages["source"] == stages["generate"] >= stages["validate"] >= stages["curate"] == manifest.samples
    assert stages["source"] - stages["curate"] == sum(manifest.dropped.values())


def test_half_a_character_from_a_client_is_dropped_and_named(tmp_path):
    manifest = _build(tmp_path / "dataset", [_feedback(f"Give {GRAPH.label(FIRST.object)}\ud800.")])
    assert manifest.dropped["feedback_unreadable"] == 1


def test_a_correction_is_asked_with_the_facts_that_its_reply_was_given(tmp_path):
    facts = (GRAPH.sentence(FIRST),)
    _build(tmp_path / "dataset", [_feedback(f"Give {GRAPH.label(FIRST.object)}.", evidence=facts)])
    corrected = next(s for s in load_dataset(tmp_path / "dataset") if s.provenance.source == "feedback")
    assert corrected.evidence == facts
    assert corrected.messages[-1].content == QUESTION
