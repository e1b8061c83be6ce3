"""How an adapter is known again by what it says: log-probabilities of a fixed text, written by the trainer, asked of vLLM before it serves.

A manifest shows that the files are those that were trained. It cannot show that a server which loaded them without complaint computes with
them: with modules whose names it does not know, on another base model, at another scale. These numbers can.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from pydantic import ValidationError

from core.errors import ArtifactError
from core.types import Value

FILE = "fingerprint.json"
"""Inside the adapter's artifact, whose manifest covers it."""

TOLERANCE = 0.15
"""Largest `deviation` that passes.

Measured with the starter model (`make bench BENCH=fingerprint`), training in float32, seven adapters with random weights of three sizes and five
trained ones. Served as it was trained: 0.033 to 0.052 in bfloat16, under 0.0001 in float32. Another adapter, or none, in its place: 0.23 and more;
five steps at the default learning rate are 0.3 away from none. Ten steps at a hundredth of that rate move the model by 0.001: such an adapter
cannot be told from none, nor would it be missed.
"""


class Fingerprint(Value):
    prompt: tuple[int, ...]
    """Token ids."""
    continuation: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    """Natural logarithms, one for each token of the continuation."""


def deviation(trained: Fingerprint, served: Sequence[float]) -> float:
    """Mean distance between the log-probabilities of the continuation as they were in training and as they are served."""
    return fmean(abs(before - now) for before, now in zip(trained.log_probabilities, served, strict=True))


def read_fingerprint(adapter: Path) -> Fingerprint | None:
    """None for an adapter that was made before there were fingerprints. Raises ArtifactError when it cannot be read."""
    try:
        return Fingerprint.model_validate_json((adapter / FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{adapter / FILE} cannot be read: {error}") from error
