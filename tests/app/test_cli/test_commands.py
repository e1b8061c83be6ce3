"""The commands that need no running stack: what they do, what they print, and how they fail."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import text

from alignment.recipe import Recipe
from app.cli.field_tables import field_table, settings_table
from app.gateway.passwords import password_matches
from core import audit, db, store
from core.settings import ROOT, Settings, settings
from core.states import Role
from evals.decision import CanaryMargins, CanaryPolicy, GatePolicy
from tests.app.test_cli.conftest import Cli

GROUPS = (
    "up",
    "down",
    "status",
    "doctor",
    "ask",
    "chat",
    "knowledge",
    "round",
    "gate",
    "promote",
    "rollback",
    "mkgsg",
    "starter",
    "user",
    "key",
    "turn",
    "audit",
)


@pytest.mark.usefixtures("test_settings")
def test_help_names_every_command(cli: Cli) -> None:
    outcome = cli("--help")
    assert outcome.code == 0
    for name in GROUPS:
        assert re.search(rf"^\W*{name}\s", outcome.out, re.MULTILINE), name


@pytest.mark.parametrize("name", GROUPS)
def test_every_command_explains_itself(cli: Cli, test_settings: Settings, name: str) -> None:
    outcome = cli(name, "--help")
    assert outcome.code == 0
    assert "Usage" in outcome.out


@pytest.mark.usefixtures("database")
def test_a_user_is_added_with_a_one_time_password_that_works(cli: Cli) -> None:
    outcome = cli("user", "add", "grace", "--role", "reviewer")
    password = outcome.out.split("One-time password: ")[1].strip()
    with db.reading() as session:
        user = store.get_user(session, "grace")
        assert audit.first_broken(session) is None
    assert (user.role, user.must_change_password) == (Role.REVIEWER, True)
    assert password_matches(user.password_hash, password)
    assert "grace" in cli("user", "list").out


@pytest.mark.usefixtures("database")
def test_the_last_admin_can_neither_leave_nor_be_demoted(cli: Cli) -> None:
    cli("user", "add", "ada", "--role", "admin")
    for command in (("deactivate", "ada"), ("role", "ada", "clinician")):
        outcome = cli("user", *command)
        assert outcome.code == 2
        assert "last admin" in outcome.err
    cli("user", "add", "grace", "--role", "admin")
    assert cli("user", "deactivate", "ada").code == 0


@pytest.mark.usefixtures("database")
def test_a_key_is_shown_once_and_can_be_revoked(cli: Cli) -> None:
    cli("user", "add", "grace")
    key = cli("key", "add", "grace", "--label", "notebook", "--days", "3").out.strip()
    assert key.startswith("bb-")
    with db.reading() as session:
        row, _ = store.find_api_key(session, key)
    listed = cli("key", "list").out
    assert row.id in listed
    assert key not in listed
    assert cli("key", "revoke", row.id).code == 0
    assert "revoked" in cli("key", "list").out


@pytest.mark.usefixtures("database")
def test_a_key_may_not_do_what_its_owner_may_not(cli: Cli) -> None:
    cli("user", "add", "grace")
    outcome = cli("key", "add", "grace", "--label", "x", "--scope", "admin")
    assert outcome.code == 2
    assert "may not have the scope admin" in outcome.err


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("user", "role", "nobody", "admin"), "There is no user 'nobody'"),
        (("key", "add", "nobody", "--label", "x"), "There is no user 'nobody'"),
        (("key", "revoke", "key-0"), "There is no key 'key-0'; `balancedbio key list`"),
        (("key", "revoke", "bb-secret"), "That is a key, not its id"),
        (("knowledge", "show", "asthmma"), "near it: asthma"),
        (("knowledge", "show", "flurbosis"), "no concept 'flurbosis'"),
        (("round", "list"), "No API key here"),
        (("ask", "   "), "The question is empty"),
        (("gate", "--candidate", "a"), "Missing option '--baseline' (see"),
    ],
)
def test_an_expected_error_is_one_line_and_exit_code_2(cli: Cli, argv: tuple[str, ...], said: str) -> None:
    outcome = cli(*argv)
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


@pytest.mark.usefixtures("test_settings")
def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    outcome = cli("--version")
    assert (outcome.code, outcome.out.strip()) == (0, f"balancedbio {version('balancedbio')}")


@pytest.mark.usefixtures("test_settings")
@pytest.mark.parametrize("argv", [("user", "list"), ("user", "add", "grace"), ("key", "list"), ("audit", "verify"), ("status",)])
def test_before_the_first_start_it_says_what_makes_the_database(cli: Cli, argv: tuple[str, ...]) -> None:
    outcome = cli(*argv)
    assert outcome.code == 2
    assert "`balancedbio up`" in outcome.err
    assert "try again" not in outcome.err


@pytest.mark.usefixtures("database")
def test_who_was_deactivated_gets_no_password_and_can_be_let_in_again(cli: Cli) -> None:
    cli("user", "add", "grace")
    key = cli("key", "add", "grace", "--label", "notebook").out.strip()
    cli("user", "deactivate", "grace")
    refused = cli("user", "reset-password", "grace")
    assert refused.code == 2
    assert "user activate grace" in refused.err
    assert cli("user", "activate", "grace").code == 0
    with db.reading() as session:
        assert store.find_api_key(session, key)[1].active
        assert audit.newest(session, 1)[0].action == "user.activated"
    assert cli("user", "activate", "grace").code == 2


@pytest.mark.usefixtures("database")
def test_a_label_that_is_empty_or_too_long_is_refused(cli: Cli) -> None:
    cli("user", "add", "grace")
    for label in (" ", "x" * 81):
        outcome = cli("key", "add", "grace", "--label", label)
        assert outcome.code == 2
        assert "1 to 80 characters" in outcome.err


def test_brackets_in_names_and_labels_are_no_markup(cli: Cli, database: None) -> None:
    assert cli("user", "add", "[/ward]").code == 0
    assert cli("key", "add", "[/ward]", "--label", "[/x] script").code == 0
    assert "[/ward]" in cli("user", "list").out
    assert "[/x] script" in cli("key", "list").out


def test_a_setting_that_is_wrong_is_named_without_its_value(cli: Cli, test_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    monkeypatch.setenv("SECRET_KEY", "tooshort-but-secret")
    monkeypatch.setenv("OIDC_ROLES", "tooshort")
    settings.cache_clear()
    outcome = cli("status")
    assert outcome.code == 2
    assert "PORT" in outcome.err
    assert "SECRET_KEY: must have at least 32 characters" in outcome.err
    assert "OIDC_ROLES: must be JSON" in outcome.err
    assert "tooshort" not in outcome.err


def test_without_settings_it_says_where_they_come_from(cli: Cli, test_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SECRET_KEY")
    settings.cache_clear()
    outcome = cli("status")
    assert outcome.code == 2
    assert "balancedbio up" in outcome.err


@pytest.mark.usefixtures("database")
def test_who_signs_in_through_the_organisation_is_changed_there_and_shut_out_here(cli: Cli) -> None:
    cli("user", "add", "grace", "--role", "admin")
    with db.unit_of_work() as session:
        store.add_user(session, "oidc:ana", Role.CLINICIAN, "hash", subject="https://login.example 1")
    for command in (("reset-password", "oidc:ana"), ("role", "oidc:ana", "admin")):
        outcome = cli("user", *command)
        assert outcome.code == 2
        assert "organisation" in outcome.err
    assert cli("user", "deactivate", "oidc:ana").code == 0


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_events SET actor = 'somebody else' WHERE seq = 2",
        "DELETE FROM audit_events WHERE seq = 2",
        "UPDATE audit_events SET seq = CASE seq WHEN 2 THEN -3 WHEN 3 THEN -2 END WHERE seq IN (2, 3); UPDATE audit_events SET seq = -seq WHERE seq < 0",
    ],
    ids=["changed", "removed", "reordered"],
)
def test_an_audit_row_that_was_tampered_with_is_found(cli: Cli, attack: str) -> None:
    for name in ("grace", "hedy", "ida"):
        cli("user", "add", name)
    assert cli("audit", "verify").code == 0
    with db.unit_of_work() as session:
        for statement in attack.split("; "):
            session.execute(text(statement))
    outcome = cli("audit", "verify")
    assert outcome.code == 2
    assert "record 2" in outcome.err


@pytest.mark.usefixtures("test_settings")
def test_knowledge_is_shown_with_its_sources(cli: Cli) -> None:
    outcome = cli("knowledge", "show", "asthma")
    assert outcome.code == 0
    assert "DOID:" in outcome.out
    assert "treatment of asthma" in outcome.out
    assert "facts" in cli("knowledge", "stats").out


@pytest.mark.usefixtures("test_settings")
def test_the_settings_table_has_every_setting_and_its_meaning(cli: Cli) -> None:
    printed = cli("doctor", "--settings").out
    for name in Settings.model_fields:
        assert f"| `{name.upper()}` |" in printed
    assert "| `SECRET_KEY` | secret | none: must be set | Signs browser sessions." in printed
    assert str(ROOT) not in printed


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("settings.md", settings_table()),
        ("guides/training.md", field_table(Recipe)),
        ("gates.md", field_table(GatePolicy)),
        ("gates.md", field_table(CanaryPolicy)),
        ("gates.md", field_table(CanaryMargins)),
    ],
    ids=["settings", "recipe", "policy", "canary", "margins"],
)
def test_what_can_be_set_is_documented_as_it_is(page: str, table: str) -> None:
    assert table in (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert "|  |" not in table, "a field without a meaning"


def test_up_with_a_taken_port_is_one_line_and_starts_nothing(cli: Cli, test_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from app.stack import leftovers

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setenv("PORT", str(holder.getsockname()[1]))
        monkeypatch.setenv("BASE_MODEL", str(tmp_path / "model"))
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:8639/0")
        settings.cache_clear()
        outcome = cli("up")
    assert outcome.code == 2
    assert len(outcome.err.strip().splitlines()) == 1
    assert "PORT" in outcome.err
    assert leftovers.find() == []
    assert not (test_settings.data_dir / "api_key").exists()


@pytest.mark.usefixtures("test_settings")
@pytest.mark.parametrize(
    "argv",
    [
        ("ask",),
        ("user", "role", "x"),
        ("user", "add", "x", "--role", "king"),
        ("rounds",),
        ("up", "--frobnicate"),
        ("key", "add", "x", "--label", "y", "--days", "0"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(cli: Cli, argv: tuple[str, ...]) -> None:
    outcome = cli(*argv)
    assert outcome.code == 2
    assert len(outcome.err.strip().splitlines()) == 1
    assert "--help" in outcome.err


@pytest.mark.usefixtures("test_settings")
def test_a_gate_whose_endpoint_is_away_names_it_without_its_password(cli: Cli) -> None:
    outcome = cli("gate", "--candidate", "a", "--baseline", "b", "--endpoint", "http://ann:hunter2@127.0.0.1:1/v1")
    assert outcome.code == 3
    assert "127.0.0.1:1/v1" in outcome.err
    assert "hunter2" not in outcome.err


@pytest.mark.usefixtures("test_settings")
def test_a_group_without_a_command_shows_its_help(cli: Cli) -> None:
    assert "add" in cli("user").out
    assert "up" in cli().out
