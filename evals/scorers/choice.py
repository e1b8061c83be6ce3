"""A label of the options that were offered, marked as lm-evaluation-harness marks its generative form of MMLU (`mmlu_*_generative`)."""

import string

from core.reply import THINK, split_reply
from core.types import Reference

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def bare(label: str) -> str:
    """A label as it is compared: without case and punctuation."""
    return label.lower().translate(_PUNCTUATION)


def score_choice(reference: Reference, reply: str) -> tuple[float, str]:
    """1 when the first line is the label and nothing else, but for case and punctuation ("b", "(B)", "B.").

    Visible thinking is taken off before; the harness sees none. "B. Digoxin" is wrong there and so here: figures of a public benchmark
    are for comparison with others' figures.
    """
    first = (split_reply(reply).answer if THINK in reply else reply).split("\n", 1)[0].strip()
    if bare(first) and bare(first) == bare(reference.text or ""):
        return 1.0, f"answers {reference.text}"
    return 0.0, f"answers {first[:40]!r}, wanted {reference.text}" if first else f"gives no answer, wanted {reference.text}"
