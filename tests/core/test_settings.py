"""Secrets have no default, and the addresses follow from each other."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from core.settings import Settings, vllm_root
from core.states import Role


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any of our variables, in a folder without `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_nothing_starts_without_a_secret(bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="secret_key"):
        Settings()


def test_a_short_secret_is_refused_and_not_shown(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SECRET_KEY", "hunter2")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "hunter2" not in str(caught.value)


def test_every_secret_field_is_without_default() -> None:
    fields = Settings.model_fields.values()
    needed, optional = ([field for field in fields if field.annotation == kind] for kind in (SecretStr, SecretStr | None))
    assert needed
    assert all(field.is_required() for field in needed)
    assert all(field.default is None for field in optional)


WHOLE = {"OIDC_ISSUER": "https://login.example", "OIDC_CLIENT_ID": "ward", "OIDC_CLIENT_SECRET": "hunter2hunter2", "OIDC_ROLES": '{"doctors": "clinician"}'}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"OIDC_CLIENT_ID": "", "OIDC_ROLES": "{}"}, "OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_ROLES as well"),
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_ISSUER needs OIDC_CLIENT_SECRET as well"),
        ({"OIDC_ISSUER": "http://login.example"}, "must begin with https"),
        ({"OIDC_ROLES": '{"doctors": "king"}'}, "oidc_roles"),
    ],
)
def test_half_a_sign_in_through_the_organisation_does_not_start(bare: pytest.MonkeyPatch, changes: dict[str, str], says: str) -> None:
    for name, value in {"SECRET_KEY": "x" * 40, **WHOLE}.items():
        bare.setenv(name, value)
    assert Settings().oidc_roles == {"doctors": Role.CLINICIAN}
    for name, value in changes.items():
        bare.setenv(name, value)
    with pytest.raises(ValidationError, match=says) as refusal:
        Settings()
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "postgres://u:hunter2@h/n", "begin with postgresql"),
        ("DATABASE_URL", "nonsense", "begin with postgresql"),
        ("DATABASE_URL", "postgresql+psycopg://u:hunter2@h:abc/n", "name a host"),
        ("DATABASE_URL", "sqlite:///:memory:", "name a file"),
        ("DATABASE_URL", "sqlite:///", "name a file"),
        ("REDIS_URL", "127.0.0.1:6379", "begin with redis"),
        ("REDIS_URL", "redis://", "name a host"),
        ("REDIS_URL", "redis://[::1", "name a host"),
        ("VLLM_URL", "http://127.0.0.1:abc/v1", "names a host"),
        ("VLLM_URL", "127.0.0.1:8200/v1", "begins with http"),
        ("OIDC_ROLES", "doctors=hunter2", "must be JSON"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_by_its_setting(bare: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    bare.setenv("SECRET_KEY", "x" * 40)
    bare.setenv(name, value)
    with pytest.raises(ValidationError, match=says) as refusal:
        Settings()
    assert refusal.value.errors(include_input=False)[0]["loc"] == (name.lower(),)
    assert "hunter2" not in str(refusal.value)


def test_a_table_of_roles_that_is_empty_is_none(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SECRET_KEY", "x" * 40)
    bare.setenv("OIDC_ROLES", "")
    assert Settings().oidc_roles == {}


def test_a_secret_is_read_from_the_file_and_never_printed(bare: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"SECRET_KEY={'s3cret' * 8}\nPORT=9000\n")
    found = Settings()
    assert "s3cret" not in repr(found)
    assert found.address == "http://127.0.0.1:9000"


@pytest.mark.parametrize("url", ["http://h:1/v1", "http://h:1/v1/", "http://h:1"])
def test_vllm_root_is_its_address_without_the_version(bare: pytest.MonkeyPatch, url: str) -> None:
    bare.setenv("SECRET_KEY", "x" * 32)
    bare.setenv("VLLM_URL", url)
    assert vllm_root(Settings().vllm_replicas["vllm"]) == "http://h:1"


def test_replicas_are_named_in_the_order_of_their_addresses(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SECRET_KEY", "x" * 32)
    bare.setenv("VLLM_URL", "http://a:1/v1, http://b:1/v1/,http://a:2/v1")
    assert Settings().vllm_replicas == {"vllm": "http://a:1/v1", "vllm-2": "http://b:1/v1", "vllm-3": "http://a:2/v1"}


@pytest.mark.parametrize("addresses", ["", "http://a:1/v1,", "http://a:1/v1,http://a:1/v1/"])
def test_an_address_of_vllm_that_is_missing_or_named_twice_is_refused(bare: pytest.MonkeyPatch, addresses: str) -> None:
    bare.setenv("SECRET_KEY", "x" * 32)
    bare.setenv("VLLM_URL", addresses)
    with pytest.raises(ValidationError, match="vllm_url"):
        Settings()


def test_the_database_is_a_file_in_the_data_folder_unless_named(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SECRET_KEY", "x" * 32)
    bare.setenv("DATA_DIR", "here")
    assert Settings().resolved_database_url == f"sqlite:///{Path.cwd() / 'here' / 'balancedbio.db'}"
    bare.setenv("DATABASE_URL", "postgresql+psycopg://u@h/n")
    assert Settings().resolved_database_url == "postgresql+psycopg://u@h/n"
