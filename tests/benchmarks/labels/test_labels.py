"""The labelled set belongs to the files it was made from, and to the built-in knowledge base."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import ArtifactError
from core.knowledge import Knowledge
from tests.benchmarks.labels import HERE, Sentence, labelled


@pytest.fixture(scope="module")
def sentences(shared_data: Path) -> list[Sentence]:
    return list(labelled(shared_data))


def test_every_span_lies_in_its_sentence_and_on_word_boundaries(sentences: list[Sentence]) -> None:
    for sentence in sentences:
        assert 0 <= sentence.start < sentence.end <= len(sentence.body)
        assert sentence.text == sentence.text.strip()
        for span in sentence.spans:
            assert 0 <= span.start < span.end <= len(sentence.text)
            words = f" {sentence.text} "
            assert not (words[span.start].isalnum() and words[span.start + 1].isalnum()), sentence.text[span.start : span.end]
            assert not (words[span.end].isalnum() and words[span.end + 1].isalnum()), sentence.text[span.start : span.end]
        assert all(one.end <= two.start for one, two in pairwise(sentence.spans))


def test_every_concept_is_one_of_the_built_in_base(sentences: list[Sentence], knowledge: Knowledge) -> None:
    for sentence in sentences:
        for span in sentence.spans:
            for concept in span.concepts:
                assert knowledge.graph.concept(concept).id == concept


def test_a_sentence_is_labelled_once_and_its_row_is_on_one_side(sentences: list[Sentence]) -> None:
    assert len({s[:3] + s[4:6] for s in sentences}) == len(sentences)
    assert len({(s.file, s.row, s.split) for s in sentences}) == len({(s.file, s.row) for s in sentences})


def test_each_context_has_enough_spans_in_both_halves(sentences: list[Sentence]) -> None:
    contexts = Counter((span.context, sentence.split) for sentence in sentences for span in sentence.spans)
    assert len(sentences) >= 300
    assert len(contexts) == 10
    assert min(contexts.values()) >= 40


def test_another_version_of_a_file_is_refused(shared_data: Path, tmp_path: Path) -> None:
    for name in ("mts_dialog/MTS-Dialog-TrainingSet.csv", "aci_bench/train.csv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes((shared_data / name).read_bytes())
    (tmp_path / "aci_bench/train.csv").write_bytes((shared_data / "aci_bench/train.csv").read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match=r"aci_bench/train\.csv is not the version"):
        next(labelled(tmp_path))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="MTS-Dialog-TrainingSet"):
        next(labelled(tmp_path))


def test_no_text_is_kept() -> None:
    lines = (HERE / "labels.tsv").read_text(encoding="utf-8").splitlines()
    assert max(len(cell) for line in lines for cell in line.split("\t")) < 40
