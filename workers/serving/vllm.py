"""One vLLM's private endpoints: which adapters it holds, loading one, unloading one. A proxy of the environment has no part in it.

A name is loaded once and never again with other weights: vLLM's prefix cache is keyed on name and path, and a reload in place would
switch weights in the middle of running replies.
"""

import re
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import httpx

from core.artifacts import verify_artifact
from core.errors import ArtifactError, Unavailable
from core.fingerprint import TOLERANCE, Fingerprint, deviation, read_fingerprint
from core.tables import Checkpoint

_TIMEOUT_SECONDS = 60.0
_TRIAL_SECONDS = 3600.0
"""No trial takes that long: each of its few calls takes `_TIMEOUT_SECONDS` at most. What is older was left by a worker that was killed."""
_TRIAL = re.compile(r"-trial-(\d+)-[0-9a-f]{8}")
_LOOK_SECONDS = 10.0
"""For what is answered without the engine: a vLLM that hangs must not hold up the others for long."""


class Vllm(NamedTuple):
    name: str
    root: str
    """Its address without `/v1`."""

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.root}/health", timeout=5.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def served(self) -> set[str]:
        """Names that it answers to, the base model's included. Raises Unavailable."""
        answer = self._call("GET", "/v1/models", seconds=_LOOK_SECONDS)
        try:
            return {model["id"] for model in answer.json()["data"]}
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"What answers at {self.root} is not vLLM (status {answer.status_code}); check VLLM_URL") from error

    def load(self, checkpoint: Checkpoint) -> None:
        """Loads the adapter under its immutable name; does nothing when it is there already, or when it is the base model.

        It is tried first under a name that nobody asks for, so that what does not answer as it was trained cannot be reached. Raises ArtifactError
        when the files are not those that were trained, or vLLM refuses them or computes something else with them, Unavailable when it does not answer.
        """
        names = self.served()
        if checkpoint.id in names:
            return
        if not checkpoint.uri:
            raise Unavailable(f"{self.name} serves {', '.join(sorted(names))}, not the base model {checkpoint.id}; it must be restarted")
        require_unchanged(checkpoint)
        trial = _trial_name(checkpoint.id)
        try:
            self._load(trial, checkpoint)
            self.probe(checkpoint, trial)
        finally:
            with suppress(Unavailable):
                self.unload(trial)
        self._load(checkpoint.id, checkpoint)

    def _load(self, name: str, checkpoint: Checkpoint) -> None:
        answer = self._call("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": checkpoint.uri})
        if answer.is_error and name not in self.served():
            raise ArtifactError(f"{self.name} refused checkpoint {checkpoint.id}: {_message(answer)}")

    def unload(self, checkpoint_id: str) -> None:
        """Forgets the adapter; an unknown name is fine. Requests already running on it are finished first by vLLM."""
        self._call("POST", "/v1/unload_lora_adapter", {"lora_name": checkpoint_id})

    def probe(self, checkpoint: Checkpoint, name: str = "") -> None:
        """The checkpoint answers, under its own name or the given one, and with the log-probabilities that it had when its training ended.

        Those are asked where it was made with a fingerprint. Raises ArtifactError when it does not, Unavailable.
        """
        name = name or checkpoint.id
        request = {"model": name, "messages": [{"role": "user", "content": "What treats hypertension?"}], "max_tokens": 4, "temperature": 0}
        answer = self._call("POST", "/v1/chat/completions", request)
        if answer.is_error:
            raise ArtifactError(f"Checkpoint {checkpoint.id} does not answer on {self.name}: {_message(answer)}")
        if checkpoint.uri and (trained := read_fingerprint(Path(checkpoint.uri))):
            self._compare(checkpoint.id, name, trained)

    def log_probabilities(self, checkpoint_id: str, text: Fingerprint) -> tuple[float, ...]:
        """What the checkpoint gives to each token of the fingerprint's continuation. Raises ArtifactError when it tells none, Unavailable."""
        tokens = [*text.prompt, *text.continuation]
        answer = self._call("POST", "/v1/completions", {"model": checkpoint_id, "prompt": tokens, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0})
        try:
            told = answer.json()["choices"][0]["prompt_logprobs"]
            return tuple(float(told[place][str(tokens[place])]["logprob"]) for place in range(len(text.prompt), len(tokens)))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ArtifactError(f"{self.name} tells no log-probabilities of checkpoint {checkpoint_id}: {_message(answer)}") from error

    def _compare(self, checkpoint_id: str, name: str, trained: Fingerprint) -> None:
        found = deviation(trained, self.log_probabilities(name, trained))
        if not found <= TOLERANCE:
            raise ArtifactError(
                f"{self.name} loads checkpoint {checkpoint_id} but does not compute what was trained: log-probabilities differ by {found:.3f}, "
                f"and {TOLERANCE} is allowed. Does it serve the base model that the checkpoint was trained on?"
            )

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None, seconds: float = _TIMEOUT_SECONDS) -> httpx.Response:
        try:
            answer = httpx.request(method, f"{self.root}{path}", json=body, timeout=seconds, trust_env=False)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.name} does not answer ({type(error).__name__}); try again shortly") from error
        if answer.status_code >= 500:
            raise Unavailable(f"{self.name} failed with {answer.status_code}; try again shortly")
        return answer


def _trial_name(checkpoint_id: str) -> str:
    """Another for each call, or two that load one checkpoint at once would unload each other's trial; with its time, so that what is left over is known."""
    return f"{checkpoint_id}-trial-{int(time.time())}-{token_hex(4)}"


def is_left_over(name: str) -> bool:
    """Whether it is a trial that nobody can be at any more."""
    trial = _TRIAL.search(name)
    return trial is not None and time.time() - int(trial[1]) > _TRIAL_SECONDS


def require_unchanged(checkpoint: Checkpoint) -> None:
    """Raises ArtifactError unless the adapter's files are those that were trained and examined."""
    if checkpoint.uri and verify_artifact(Path(checkpoint.uri)) != checkpoint.sha256:
        raise ArtifactError(f"The files of {checkpoint.id} are not those that were trained and examined")


def _message(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    error = body.get("error", body) if isinstance(body, dict) else body
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
