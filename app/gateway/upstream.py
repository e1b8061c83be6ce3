"""What vLLM serves at this moment, asked of vLLM itself."""

import httpx

from core.errors import Unavailable
from core.settings import settings

_TIMEOUT_SECONDS = 2.0


def served() -> set[str]:
    """Names that vLLM answers to. Raises Unavailable."""
    try:
        answer = httpx.get(f"{settings().vllm_url.rstrip('/')}/models", timeout=_TIMEOUT_SECONDS, trust_env=False)
        answer.raise_for_status()
        return {model["id"] for model in answer.json()["data"]}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"vLLM does not answer ({type(error).__name__}); it may still be starting") from error
