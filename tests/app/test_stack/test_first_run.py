"""The first start makes a secret, an admin and a key; the second finds them."""

import stat
from pathlib import Path

import pytest

from app.gateway.passwords import password_matches
from app.stack import first_run, layout
from core import audit, db, store
from core.settings import Settings, settings
from core.states import Role, Scope


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_settings: Settings) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SECRET_KEY")
    settings.cache_clear()
    return tmp_path


def test_a_secret_is_made_once_and_only_its_owner_reads_it(folder: Path) -> None:
    assert first_run.ensure_secret()
    before = (folder / ".env").read_text()
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert len(settings().secret_key.get_secret_value()) >= 32
    assert not first_run.ensure_secret()
    assert (folder / ".env").read_text() == before


def test_settings_that_a_person_wrote_are_kept(folder: Path) -> None:
    (folder / ".env").write_text("PORT=9001")
    assert first_run.ensure_secret()
    settings.cache_clear()
    assert settings().port == 9001
    assert settings().secret_key


def test_two_installations_get_different_secrets(folder: Path) -> None:
    first_run.ensure_secret()
    first = (folder / ".env").read_text()
    (folder / ".env").unlink()
    first_run.ensure_secret()
    assert (folder / ".env").read_text() != first


def test_a_secret_in_the_environment_is_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "e" * 40)
    assert first_run.has_secret()
    assert not first_run.ensure_secret()
    assert not (folder / ".env").exists()


@pytest.mark.usefixtures("test_settings")
def test_the_first_admin_gets_a_one_time_password_and_a_key_that_works() -> None:
    first_run.ensure_schema()
    access = first_run.ensure_access()
    with db.reading() as session:
        admin = store.get_user(session, access.admin)
        key, owner = store.find_api_key(session, access.key)
        assert audit.first_broken(session) is None
    assert admin.role == Role.ADMIN
    assert admin.must_change_password
    assert access.password
    assert password_matches(admin.password_hash, access.password)
    assert owner.id == admin.id
    assert set(key.scopes) == set(Scope)
    assert layout.key_file().read_text().strip() == access.key
    assert stat.S_IMODE(layout.key_file().stat().st_mode) == 0o600


@pytest.mark.usefixtures("test_settings")
def test_the_second_start_shows_no_password_and_keeps_the_key() -> None:
    first_run.ensure_schema()
    first = first_run.ensure_access()
    second = first_run.ensure_access()
    assert (second.password, second.key, second.key_is_new) == (None, first.key, False)


@pytest.mark.usefixtures("test_settings")
def test_a_lost_or_revoked_key_is_replaced() -> None:
    first_run.ensure_schema()
    first = first_run.ensure_access()
    with db.unit_of_work() as session:
        store.revoke_api_key(session, store.find_api_key(session, first.key)[0].id)
    second = first_run.ensure_access()
    assert second.key_is_new
    assert second.key != first.key
    layout.key_file().unlink()
    assert first_run.ensure_access().key_is_new


@pytest.mark.usefixtures("test_settings")
def test_a_key_whose_owner_is_no_admin_any_more_is_replaced_by_one_of_an_admin() -> None:
    first_run.ensure_schema()
    first = first_run.ensure_access()
    with db.unit_of_work() as session:
        store.add_user(session, "zoe", Role.ADMIN, "hash")
        store.get_user(session, first.admin).role = Role.CLINICIAN
    second = first_run.ensure_access()
    assert (second.admin, second.key_is_new) == ("zoe", True)
