"""Before anything runs: find out what would fail, bring the database up to date, write what the processes read at their start."""

import subprocess
import sys
from urllib.parse import unquote, urlsplit

import httpx

from app.stack import first_run, health, layout, ports, requirements
from app.stack.processes import Process, app_endpoint, is_local, own_vllms, processes, redis_endpoint
from core import store
from core.db import reading
from core.errors import BadInput, Unavailable
from core.settings import Settings, settings


def prepare() -> tuple[Process, ...]:
    """Everything that can be known to fail is found out here, before the first process starts."""
    current = settings()
    here = own_vllms(current)
    elsewhere = [url for name, url in current.vllm_replicas.items() if name not in here]
    own_redis = _needs_own_redis()
    for finding in requirements.examine(current, own_redis, own_vllm=bool(here)):
        if not finding.is_fine:
            raise BadInput(f"{finding.subject}: {finding.detail}")
    ports.require_free(app_endpoint(current), "the app")
    for name, endpoint in here.items():
        ports.require_free(endpoint, name)
    first_run.ensure_schema()
    if elsewhere:
        _register_base_model()
    for url in elsewhere:
        require_base_served(url)
    if own_redis:
        _write_redis_config()
    return processes(current, requirements.find_redis_server() if own_redis else None)


def _register_base_model() -> None:
    """What the launcher of our own vLLM does at its start, for a vLLM that runs elsewhere. A child, because the app does not know the workers."""
    command = [sys.executable, "-c", "from workers.serving.__main__ import register; register()"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"The base model could not be registered: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")


def require_base_served(url: str) -> None:
    """A vLLM that runs elsewhere must know the base model by our name for it. Raises BadInput; one that does not answer yet is waited for later."""
    with reading() as session:
        base = store.base_of(session, store.production(session)).id
    try:
        served = [model["id"] for model in httpx.get(f"{url}/models", timeout=5.0, trust_env=False).raise_for_status().json()["data"]]
    except httpx.TransportError:
        return
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"What answers at {url} is not a vLLM ({type(error).__name__}); check VLLM_URL") from error
    if base not in served:
        raise BadInput(f"vLLM at {url} serves {', '.join(served) or 'nothing'}, not {base}: start it there with --served-model-name {base} --enable-lora")


def chosen_redis_answers(current: Settings) -> bool:
    """Whether somebody chose an address at which a Redis is: it is used as it is."""
    return "redis_url" in current.model_fields_set and health.redis_answers(current.redis_url)


def _needs_own_redis() -> bool:
    """An address that is local and free, or our own default, is ours to serve; a Redis that somebody chose and that answers is used as it is."""
    current = settings()
    endpoint = redis_endpoint(current)
    if chosen_redis_answers(current):
        return False
    if is_local(current.redis_url):
        ports.require_free(endpoint, "Redis")
        return True
    raise Unavailable(f"Redis does not answer at {endpoint.host}:{endpoint.port}; check REDIS_URL")


def _write_redis_config() -> None:
    folder = layout.data_dir() / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    endpoint = redis_endpoint(settings())
    lines = [
        "bind 127.0.0.1",
        "protected-mode yes",
        f"port {endpoint.port}",
        f'dir "{folder}"',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
        # Its title would overwrite the environment, by which `leftovers` knows it.
        "set-proc-title no",
    ]
    if password := _redis_password():
        lines.append(f'requirepass "{password}"')
    path = folder / "redis.conf"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _redis_password() -> str | None:
    password = urlsplit(settings().redis_url).password
    return unquote(password) if password else None
