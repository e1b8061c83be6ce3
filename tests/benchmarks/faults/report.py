"""What one fault did, the bars, and the table of all."""

from collections import Counter
from collections.abc import Sequence

from core.types import Value

MOST_SECONDS_UNTIL_BACK = 30.0
MOST_SECONDS_UNTIL_ABORTED = 1.0
_FINE = {"200", "201", "503 with Retry-After", "error event"}
_WHILE_DEAD = {"refused", "cut"}
"""What a dead gateway's clients see: nobody is there to answer."""


class Outcome(Value):
    name: str
    about: str
    answers: dict[str, int]
    """How often clients saw what, from the moment of the fault on."""
    acknowledged: int
    """Turns and judgements whose end a client saw, before the fault and after it."""
    lost: int
    """Of those, missing in the database."""
    seconds_until_back: float
    note: str = ""
    seconds_until_aborted: float | None = None

    @property
    def missed(self) -> tuple[str, ...]:
        """The bars that were missed, in words."""
        allowed = _FINE | (_WHILE_DEAD if self.name == "gateway" else set())
        worse = sorted(set(self.answers) - allowed)
        return (
            *([f"{self.lost} acknowledged rows are lost"] if self.lost else []),
            *([f"clients saw {', '.join(worse)}"] if worse else []),
            *([f"back after {self.seconds_until_back:.0f} s"] if self.seconds_until_back > MOST_SECONDS_UNTIL_BACK else []),
            *(["aborted too late"] if (self.seconds_until_aborted or 0.0) > MOST_SECONDS_UNTIL_ABORTED else []),
        )


def counted(answers: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(answers).items()))


def table(outcomes: Sequence[Outcome]) -> str:
    lines = ["| fault | what clients saw | acknowledged | lost | seconds until back | bars |", "|---|---|---|---|---|---|"]
    for o in outcomes:
        saw = ", ".join(f"{answer}: {count}" for answer, count in o.answers.items())
        about = f"{o.about} ({o.note})" if o.note else o.about
        lines.append(f"| {about} | {saw} | {o.acknowledged} | {o.lost} | {o.seconds_until_back:.1f} | {'; '.join(o.missed) or 'met'} |")
    return "\n".join(lines)
