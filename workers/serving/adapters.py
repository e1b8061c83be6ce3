"""vLLM's private endpoints: which adapters it holds, loading one, unloading one. A proxy of the environment has no part in it.

A name is loaded once and never again with other weights: vLLM's prefix cache is keyed on name and path, and a reload in place would
switch weights in the middle of running replies.
"""

import time
from collections.abc import Callable
from typing import Any

import httpx

from core.errors import ArtifactError, Unavailable
from core.settings import settings
from core.tables import Checkpoint

_TIMEOUT_SECONDS = 60.0


def is_healthy() -> bool:
    try:
        return httpx.get(f"{settings().vllm_root}/health", timeout=5.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def wait_until_healthy(seconds: float, give_up: Callable[[], bool]) -> None:
    """Returns when vLLM answers, or when `give_up` says that nobody waits any more. Raises Unavailable after `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_healthy() and not give_up():
        if time.monotonic() > deadline:
            raise Unavailable(f"vLLM did not become healthy within {seconds:.0f} s")
        time.sleep(1.0)


def served() -> set[str]:
    """Names that vLLM answers to, the base model's included. Raises Unavailable."""
    answer = _call("GET", "/v1/models")
    try:
        return {model["id"] for model in answer.json()["data"]}
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"What answers at {settings().vllm_root} is not vLLM (status {answer.status_code}); check VLLM_URL") from error


def load(checkpoint: Checkpoint) -> None:
    """Loads the adapter under its immutable name; does nothing when it is there already, or when it is the base model.

    Raises ArtifactError when vLLM refuses the files, Unavailable when it does not answer.
    """
    names = served()
    if checkpoint.id in names:
        return
    if not checkpoint.uri:
        raise Unavailable(f"vLLM serves {', '.join(sorted(names))}, not the base model {checkpoint.id}; it must be restarted")
    answer = _call("POST", "/v1/load_lora_adapter", {"lora_name": checkpoint.id, "lora_path": checkpoint.uri})
    if answer.is_error and checkpoint.id not in served():
        raise ArtifactError(f"vLLM refused checkpoint {checkpoint.id}: {_message(answer)}")


def unload(checkpoint_id: str) -> None:
    """Forgets the adapter; an unknown name is fine. Requests already running on it are finished first by vLLM."""
    _call("POST", "/v1/unload_lora_adapter", {"lora_name": checkpoint_id})


def probe(checkpoint_id: str) -> None:
    """One small request, so that a checkpoint that loads but cannot answer is never put in production."""
    request = {"model": checkpoint_id, "messages": [{"role": "user", "content": "What treats hypertension?"}], "max_tokens": 4, "temperature": 0}
    answer = _call("POST", "/v1/chat/completions", request)
    if answer.is_error:
        raise ArtifactError(f"Checkpoint {checkpoint_id} does not answer: {_message(answer)}")


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    try:
        answer = httpx.request(method, f"{settings().vllm_root}{path}", json=body, timeout=_TIMEOUT_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise Unavailable(f"vLLM does not answer ({type(error).__name__}); try again shortly") from error
    if answer.status_code >= 500:
        raise Unavailable(f"vLLM failed with {answer.status_code}; try again shortly")
    return answer


def _message(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    error = body.get("error", body) if isinstance(body, dict) else body
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
