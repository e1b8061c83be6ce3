"""knowledge import, path, diff, versions, use: what a person sees, and one clear line for bad input."""

from pathlib import Path

import pytest

from core import audit
from core.db import reading
from core.knowledge import Knowledge, builtin, versions
from core.knowledge.graph import Concept, Graph, Kind
from tests.app.test_cli.conftest import Cli
from tests.core.knowledge.sources import PAIR, written

pytestmark = pytest.mark.usefixtures("test_settings")

PAIRS = "drug_a\tdrug_b\tseverity\teffect\nwarfarin\tmoonflower tea\tsevere\tbleeding\n"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    (path,) = written(tmp_path / "ours", {"pairs.tsv": PAIRS, "pairs.toml": PAIR})
    return path


def test_an_import_is_reported_and_used_at_once(cli: Cli, pairs: Path) -> None:
    outcome = cli("knowledge", "import", str(pairs))
    assert outcome.code == 0
    assert "a new fact" in outcome.out
    name = versions.current()
    assert f"Version {name} is in use now" in outcome.out
    assert (versions.home() / name / "report.md").read_text(encoding="utf-8").startswith(f"# Knowledge version {name}")
    shown = cli("knowledge", "show", "moonflower tea").out
    assert "Warfarin interacts with moonflower tea: bleeding (critical). (St. Elsewhere; pairs.tsv:2)" in shown
    stats = cli("knowledge", "stats").out
    assert name in stats
    assert "FDA label " in stats
    assert "NICE " in stats


def test_what_answers_are_checked_against_is_on_record(cli: Cli, pairs: Path) -> None:
    cli("knowledge", "import", str(pairs))
    name = versions.current()
    cli("knowledge", "use", "builtin")
    assert cli("knowledge", "use", "0000").code == 2
    with reading() as session:
        told = [(e.action, e.subject, e.detail) for e in audit.newest(session, 9)]
    assert told == [("knowledge.used", "builtin", {"before": name}), ("knowledge.used", name, {"before": "builtin", "files": ["pairs.tsv"]})]


def test_the_same_again_says_so(cli: Cli, pairs: Path) -> None:
    cli("knowledge", "import", str(pairs))
    assert "holds exactly this already" in cli("knowledge", "import", str(pairs)).out
    assert len(versions.versions()) == 1


def test_path_leads_over_facts_with_their_sources(cli: Cli, pairs: Path) -> None:
    cli("knowledge", "import", str(pairs))
    outcome = cli("knowledge", "path", "moonflower tea", "warfarin")
    assert "1 fact" in outcome.out
    assert "pairs.tsv:2" in outcome.out
    assert cli("knowledge", "path", "moonflower tea", "asthma").code == 0


def test_diff_shows_what_an_import_brought(cli: Cli, pairs: Path) -> None:
    cli("knowledge", "import", str(pairs))
    shown = cli("knowledge", "diff").out
    assert "moonflower tea (drug, ELSE:moonflower_tea)" in shown
    assert cli("knowledge", "diff", versions.current(), "builtin").out.count("removed") == 3


def test_what_a_file_writes_in_brackets_is_shown_as_it_is(cli: Cli, tmp_path: Path) -> None:
    toml = 'publisher = "[/Us]"\ncolumns = ["id", "name"]\n[concept]\nkind = "condition"\nid = "id"\nlabel = "name"\n'
    (path,) = written(tmp_path, {"odd.tsv": "id\tname\n[/b]\tflurbosis [/x] [bold]\n", "odd.toml": toml})
    assert "odd.tsv ([/Us])" in cli("knowledge", "import", str(path)).out
    assert "flurbosis [/x] [bold] (condition, [/b], [/Us])" in cli("knowledge", "show", "[/b]").out
    assert cli("knowledge", "stats").code == 0


def test_a_version_of_an_older_built_in_base_takes_no_more_in(cli: Cli, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("knowledge", "import", str(pairs))
    newer = Graph([*builtin().graph.concepts.values(), Concept("X:1", "newly known", Kind.SYMPTOM, (), "s")], builtin().graph.facts)
    monkeypatch.setattr("app.cli.knowledge.builtin", lambda: Knowledge.of(newer))
    before = versions.current()
    outcome = cli("knowledge", "import", str(pairs))
    assert (outcome.code, versions.current()) == (2, before)
    assert "older built-in base" in outcome.err
    assert "--fresh" in cli("knowledge", "stats").out
    assert cli("knowledge", "import", "--fresh", str(pairs)).code == 0
    assert "X:1" in versions.load(versions.current()).concepts


def test_use_goes_back_and_forth(cli: Cli, pairs: Path) -> None:
    cli("knowledge", "import", str(pairs))
    name = versions.current()
    assert cli("knowledge", "use", "builtin").code == 0
    assert cli("knowledge", "show", "moonflower tea").code == 2
    cli("knowledge", "use", name)
    assert cli("knowledge", "show", "moonflower tea").code == 0
    assert name in cli("knowledge", "versions").out
    assert cli("knowledge", "import", "--fresh", str(pairs)).code == 0
    assert versions.version(versions.current()).before == builtin().graph.version


@pytest.mark.parametrize(
    ("find", "replace", "says"),
    [
        ("effect\n", "outcome\n", "pairs.tsv:1: missing column 'effect'"),
        ("severe", "dire", "pairs.tsv:2: severity must be one of"),
        ("moonflower tea", "", "pairs.tsv:2: drug_b is empty"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(cli: Cli, pairs: Path, find: str, replace: str, says: str) -> None:
    pairs.write_text(PAIRS.replace(find, replace), encoding="utf-8")
    outcome = cli("knowledge", "import", str(pairs))
    assert outcome.code == 2
    assert outcome.err.startswith(f"balancedbio: {says}")
    assert outcome.err.count("\n") == 1
    assert versions.versions() == ()
    assert versions.current() == versions.BUILTIN


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("import", "nowhere.obo"), "nowhere.obo does not exist"),
        (("import", "."), "holds no .obo, .tsv or .RRF file"),
        (("path", "asthma", "flurbosis"), "no concept 'flurbosis'"),
        (("diff", "0123"), "There is no knowledge version '0123'"),
        (("use", "0123"), "There is no knowledge version '0123'"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], says: str) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("knowledge", *argv)
    assert outcome.code == 2
    assert says in outcome.err
