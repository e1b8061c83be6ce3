"""All settings, from the environment or `.env`; `docs/settings.md` is generated from this file (`balancedbio doctor --settings`).

Secrets have no default: `balancedbio up` creates `.env` with random ones, and nothing starts without them.
"""

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.addresses import names_a_host
from core.states import Role

ROOT = Path(__file__).resolve().parent.parent
STARTER_MODEL_DIR = ROOT / "alignment" / "starter" / "model"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", env_prefix="", extra="ignore", frozen=True, hide_input_in_errors=True)

    secret_key: SecretStr = Field(min_length=32)
    """Signs browser sessions. At least 32 characters."""
    data_dir: Path = Path("var")
    """Where the database, checkpoints, imported knowledge, logs and Redis data live."""
    database_url: str = ""
    """SQLAlchemy URL. Empty: SQLite (WAL) in `data_dir`. PostgreSQL: `postgresql+psycopg://user@host/name`."""
    redis_url: str = "redis://127.0.0.1:6390/0"
    """Celery's broker, and where the processes of the app count limits together. `balancedbio up` starts a Redis of its own when this address is
    local and free."""

    base_model: str = "starter"
    """`starter` (shipped, made by this project), a local folder, or a hub name such as `Qwen/Qwen2.5-0.5B-Instruct`."""
    vllm_url: str = "http://127.0.0.1:8200/v1"
    """Private address of vLLM. Its adapter endpoints must not be reachable by users. Several, separated by commas: replicas, which share the load."""
    vllm_dtype: Literal["bfloat16", "float32", "auto"] = "bfloat16"
    """Precision of vLLM's computations; `auto`: the model's own."""
    vllm_max_model_len: int = Field(default=1024, ge=128)
    """Most tokens of a question, its evidence and its reply together: the starter's 1,024; raise it for a larger model."""
    vllm_kv_cache_bytes: str = "256M"
    """CPU only: memory for the KV cache."""
    vllm_tool_parser: str = "hermes"
    """How vLLM finds tool calls in what the model writes; Qwen2.5 writes them in Hermes' form. Empty: a request with tools is refused."""
    lora_rank: int = Field(default=16, ge=1)
    """Largest LoRA rank that vLLM accepts; recipes may not exceed it."""

    host: str = "127.0.0.1"
    """Address that the app listens on. The safe default is this machine only."""
    port: int = 8600
    """Of the app."""
    public_url: str = ""
    """How users reach the app, when it stands behind a proxy. Empty: http://host:port."""
    secure_cookies: bool = False
    """Set to true behind HTTPS; a PUBLIC_URL that begins with https does so by itself."""
    session_hours: int = Field(default=12, ge=1)
    """After so many hours a person signs in again."""

    oidc_issuer: str = ""
    """Your organisation's OpenID provider, exactly as it names itself, such as `https://login.example/realms/ward`. Empty: only names and passwords of this
    product sign in."""
    oidc_client_id: str = ""
    """How the provider knows this product; register `PUBLIC_URL/login/oidc/callback` there as its redirect address."""
    oidc_client_secret: SecretStr | None = None
    """What the provider gave for it."""
    oidc_role_claim: str = "groups"
    """The claim of the id token, a text or a list of texts, that says what a person may do."""
    oidc_roles: Annotated[dict[str, Role], NoDecode] = {}
    """What its values mean, as JSON: `{"ward-doctors": "clinician", "model-board": "admin"}`. Of several the highest counts; who has none does not get in."""

    evidence_tokens: int = Field(default=300, ge=0, le=4_000)
    """Room for the facts of the knowledge base that a question is asked with, in tokens. 0: none are given. They never take the room of the reply:
    what does not fit VLLM_MAX_MODEL_LEN is left out."""

    requests_per_minute: int = Field(default=120, ge=0)
    """Requests for replies that one API key, or one person's sessions together, may make within any minute. 0: no limit."""
    tokens_per_minute: int = Field(default=120_000, ge=0)
    """Tokens, of prompts and replies together, after which the next request of one key or person waits for the minute to end. 0: no limit."""

    max_request_bytes: int = Field(default=200_000, ge=1_000)
    """A longer body is refused (413)."""
    max_prompt_chars: int = Field(default=20_000, ge=100)
    """Most characters of all messages together; more are refused (400)."""
    request_timeout_seconds: float = Field(default=120.0, gt=0)
    """A reply that takes longer ends with an error."""

    round_recipe: str = "default"
    """Name of a file in `alignment/recipes/`, or a path to a TOML file."""
    exam_data: Path = Path("var/exam-data")
    """Where the files of public benchmarks lie, for exams that ask them."""
    gate_policy: Path = ROOT / "evals" / "policy.toml"
    """What a candidate must show, frozen into each round as it begins."""
    round_feedback_threshold: int = Field(default=0, ge=0)
    """Beat starts a round when this much accepted feedback waits and the last round, if there was one, was promoted. 0: rounds are started by people only."""
    lease_seconds: int = Field(default=30, ge=5)
    """A worker that has not renewed its lease for this long is taken over."""
    train_threads: int = Field(default=1, ge=1)
    """CPU threads of the training child."""
    accelerate_config: str = ""
    """File of an accelerate configuration, as in `deploy/accelerate/`: rounds then train in as many processes as it says. Empty: in one."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that is written."""
    otel_exporter_otlp_endpoint: str = ""
    """Where traces go, over OTLP/HTTP, such as `http://127.0.0.1:4318`. Empty: none are recorded. OpenTelemetry's other `OTEL_` variables hold too."""

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> "Settings":
        if not self.oidc_issuer:
            return self
        needed = {"OIDC_CLIENT_ID": self.oidc_client_id, "OIDC_CLIENT_SECRET": self.oidc_client_secret, "OIDC_ROLES": self.oidc_roles}
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"OIDC_ISSUER needs {' and '.join(missing)} as well")
        address = urlsplit(self.oidc_issuer)
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("OIDC_ISSUER must begin with https://: what it says decides who gets in")
        return self

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{(self.data_dir / 'balancedbio.db').resolve()}"

    @property
    def base_model_path(self) -> str:
        """What vLLM and transformers load: a folder or a hub name."""
        return str(STARTER_MODEL_DIR) if self.base_model == "starter" else self.base_model

    @property
    def address(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _roles_are_json(cls, value: Any) -> Any:
        """Decoded here and not by pydantic-settings, whose complaint is no ValidationError."""
        try:
            return (json.loads(value.strip() or "{}") or {}) if isinstance(value, str) else value
        except ValueError:
            raise ValueError('must be JSON, such as {"ward-doctors": "clinician"}') from None

    @field_validator("database_url")
    @classmethod
    def _database_is_one_of_two(cls, value: str) -> str:
        if value and not (names_a_host(value, "postgresql+psycopg") or re.match(r"sqlite:///(?!:memory:)[^?]", value)):
            raise ValueError("must begin with postgresql+psycopg:// and name a host, or with sqlite:/// and name a file, or be empty")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_is_an_address(cls, value: str) -> str:
        if not names_a_host(value, "redis", "rediss"):
            raise ValueError("must begin with redis:// or rediss:// and name a host")
        return value

    @field_validator("vllm_url")
    @classmethod
    def _each_replica_once(cls, value: str) -> str:
        addresses = _separated(value)
        if not all(names_a_host(address, "http", "https") for address in addresses if address):
            raise ValueError("an address of vLLM begins with http:// or https:// and names a host")
        if "" in addresses or len(set(addresses)) < len(addresses):
            raise ValueError("an address of vLLM, or several different ones separated by commas")
        return value

    @property
    def vllm_replicas(self) -> dict[str, str]:
        """Addresses of vLLM by the name that processes, logs and messages give it: `vllm`, `vllm-2`, ... The first is asked where one is enough."""
        return {"vllm" if position == 0 else f"vllm-{position + 1}": url for position, url in enumerate(_separated(self.vllm_url))}


def vllm_root(url: str) -> str:
    """A vLLM's address without `/v1`: health and adapter endpoints."""
    return url.removesuffix("/v1")


def _separated(addresses: str) -> list[str]:
    return [address.strip().rstrip("/") for address in addresses.split(",")]


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once. Tests call `settings.cache_clear()` after changing the environment."""
    return Settings()


def data_dir() -> Path:
    """`DATA_DIR`, for commands that need no secret: looking into the knowledge base, making training data, exams, benchmarks."""
    return Path(os.environ.get("DATA_DIR") or _place_in(os.getcwd()).data_dir)


def exam_data() -> Path:
    """`EXAM_DATA`, for the same commands."""
    return Path(os.environ.get("EXAM_DATA") or _place_in(os.getcwd()).exam_data).resolve()


@lru_cache(maxsize=1)
def _place_in(_folder: str) -> "_Place":
    return _Place()


class _Place(BaseSettings):
    model_config = Settings.model_config
    data_dir: Path = Settings.model_fields["data_dir"].default
    exam_data: Path = Settings.model_fields["exam_data"].default
