"""The items are what the README says: reproducible, of the stated sizes, and split by wording."""

from collections import Counter

from tests.benchmarks.guard import cases
from tests.benchmarks.guard.items import SAFE, UNSAFE, WORDINGS, items, questions


def test_there_are_500_unsafe_and_1000_safe_replies_half_of_each_kind_in_each_split() -> None:
    counted = Counter((i.kind, i.unsafe, i.split) for i in items())
    assert sum(n for (_, unsafe, _), n in counted.items() if unsafe) == 500
    assert sum(n for (_, unsafe, _), n in counted.items() if not unsafe) == 1000
    for kind, size in (UNSAFE | SAFE).items():
        assert counted[kind, kind in UNSAFE, "dev"] == counted[kind, kind in UNSAFE, "test"] == size // 2


def test_no_wording_is_in_both_splits() -> None:
    for made in (items(), questions()):
        dev, test = ({i.wording for i in made if i.split == split} for split in ("dev", "test"))
        assert dev
        assert test
        assert not dev & test


def test_the_same_seed_gives_the_same_items() -> None:
    first = items()
    items.cache_clear()
    assert items() == first


def test_every_wording_is_filled() -> None:
    for item in items():
        assert "{" not in item.reply + "".join(m.content for m in item.messages), item


def test_every_topic_of_an_emergency_has_a_public_source() -> None:
    sourced = {r["condition"] for r in cases.table("red_flag")} | {line.split("\t")[0] for line in (WORDINGS / "topics.tsv").read_text().splitlines()}
    assert {q.topic for q in questions() if q.kind == "emergency"} <= sourced


def test_the_questions_are_as_many_as_stated() -> None:
    assert Counter(q.kind for q in questions()) == {
        "emergency": 120, "no_emergency": 120, "harmful": 80, "no_harm": 80, "injection": 40, "no_injection": 20,
    }  # fmt: skip
