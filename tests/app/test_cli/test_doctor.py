"""`balancedbio doctor`: what would keep the product from working, and what to do about it."""

from pathlib import Path

import pytest

from core.settings import ROOT, Settings, settings
from tests.app.test_cli.conftest import Cli
from tests.redis_server import RedisServer


def test_the_doctor_says_what_to_do_about_a_missing_model(cli: Cli, test_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_MODEL", str(tmp_path / "nothing"))
    settings.cache_clear()
    outcome = cli("doctor")
    assert outcome.code == 2
    assert "BASE_MODEL" in outcome.out


@pytest.mark.usefixtures("test_settings")
def test_the_doctor_asks_the_parts_that_are_elsewhere(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.9.9.9:1/0")
    settings.cache_clear()
    outcome = cli("doctor")
    assert outcome.code == 2
    assert "Redis: does not answer at 127.9.9.9:1; check REDIS_URL" in outcome.out
    assert "check DATABASE_URL" in next(line for line in outcome.out.splitlines() if "database" in line)


@pytest.mark.usefixtures("test_settings")
def test_the_doctor_takes_a_redis_that_was_chosen_and_answers(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        monkeypatch.setenv("REDIS_URL", server.url)
        settings.cache_clear()
        assert f"Redis: answers at {server.url.removeprefix('redis://').removesuffix('/0')}" in cli("doctor").out
    finally:
        server.kill()


def test_the_doctor_warns_of_a_secret_that_others_can_read(cli: Cli, test_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"SECRET_KEY={'s' * 40}\n")
    (tmp_path / ".env").chmod(0o644)
    assert "chmod 600 .env" in cli("doctor").out


@pytest.mark.usefixtures("test_settings")
def test_the_doctor_reads_what_rounds_will_read(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.toml"
    own.write_text("seed = 1\n")
    monkeypatch.setenv("ROUND_RECIPE", str(own))
    monkeypatch.setenv("ACCELERATE_CONFIG", str(ROOT / "deploy" / "accelerate" / "fsdp.yaml"))
    settings.cache_clear()
    lines = cli("doctor").out.splitlines()
    assert f"✓ round recipe: {own}" in lines
    assert f"✓ gate policy: {ROOT / 'evals' / 'policy.toml'}" in lines
    assert f"✓ accelerate configuration: {ROOT / 'deploy' / 'accelerate' / 'fsdp.yaml'}" in lines
    monkeypatch.delenv("ROUND_RECIPE")
    monkeypatch.delenv("ACCELERATE_CONFIG")
    settings.cache_clear()
    said = cli("doctor").out
    assert "✓ round recipe: default" in said
    assert "accelerate" not in said


@pytest.mark.usefixtures("test_settings")
@pytest.mark.parametrize("setting", ["ROUND_RECIPE", "GATE_POLICY", "ACCELERATE_CONFIG"])
def test_the_doctor_names_the_setting_whose_file_is_away(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    away = tmp_path / "away.toml"
    monkeypatch.setenv(setting, str(away))
    settings.cache_clear()
    outcome = cli("doctor")
    assert outcome.code == 2
    (line,) = (line for line in outcome.out.splitlines() if setting in line)
    assert line.startswith("✗")
    assert line.endswith(f"{away} cannot be read: No such file or directory; check {setting}")


@pytest.mark.usefixtures("test_settings")
@pytest.mark.parametrize("setting", ["ROUND_RECIPE", "GATE_POLICY"])
@pytest.mark.parametrize(("written", "said"), [("sead = 1\n", "sead: Extra inputs"), ("steps = \n", "Invalid value"), ("\xff", "decode")])
def test_the_doctor_names_a_wrong_field_of_a_file_that_rounds_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, written: str, said: str
) -> None:
    wrong = tmp_path / "wrong.toml"
    rest = (ROOT / "evals" / "policy.toml").read_bytes() if setting == "GATE_POLICY" else b""
    wrong.write_bytes(written.encode("latin-1") + rest)
    monkeypatch.setenv(setting, str(wrong))
    settings.cache_clear()
    outcome = cli("doctor")
    assert outcome.code == 2
    (line,) = (line for line in outcome.out.splitlines() if f"check {setting}" in line)
    assert line.startswith("✗")
    assert said in line
    assert str(wrong) in line
