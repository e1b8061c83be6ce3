"""What a model can do with an item, found by letting it try: the last step of curation, and the only one that costs model calls.

*Answerability* is Source2Synth's filter (Lupidi et al. 2024, arXiv:2409.08239, section 3.3): an item that none of k tries answers, given
exactly what the item gives, is dropped. *Learnability* drops what all k tries of the present policy answer. Both are filters of difficulty: such a
GRPO group shows nothing about being right. What is rewarded besides would still order its replies; items that are right now and then show both.
Source2Synth compares texts; we score the reply as exams do.
"""

from collections.abc import Sequence

from alignment.mkgsg.endpoint import Answer, Endpoint, Question
from core.errors import Unavailable
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.types import TrainingSample
from evals.scorers import score_reply

UNANSWERED, ALWAYS_SOLVED = "unanswered", "always_solved"
CHUNK = 64
"""Items asked about together."""
_REMEMBERED = 100_000
"""Refused items that are not asked about again: 15 MB."""
_PASSES = 4
"""How often what the endpoint left unanswered is asked again, with longer and longer rests, before the run stops."""


class Attempts:
    """`tries` replies for each item, sampled as in training."""

    def __init__(
        self, endpoint: Endpoint, knowledge: Knowledge, tries: int, *, temperature: float = 1.0, max_tokens: int = 256, rest_seconds: float = 2.0
    ) -> None:
        self._endpoint, self._knowledge, self.tries = endpoint, knowledge, tries
        self._options = {"temperature": temperature, "max_tokens": max_tokens}
        self._rest_seconds = rest_seconds
        self._refused: dict[str, str] = {}

    def drop_reasons(self, samples: Sequence[TrainingSample]) -> list[str | None]:
        """For each sample None, or why it is too hard or too easy for this model.

        What was refused lately is refused again without asking. A run that goes on has forgotten that, asks with the same seeds, and hears
        the same from a model that answers one request in one way.
        """
        new = [s for s in samples if s.id not in self._refused]
        for sample, solved in zip(new, self.solved(new), strict=True):
            if solved in (0, self.tries):
                self._refused[sample.id] = UNANSWERED if solved == 0 else ALWAYS_SOLVED
        reasons = [self._refused.get(s.id) for s in samples]
        while len(self._refused) > _REMEMBERED:
            del self._refused[next(iter(self._refused))]
        return reasons

    def solved(self, samples: Sequence[TrainingSample]) -> list[int]:
        """How many of the tries got each sample right. Raises Unavailable when the endpoint stays away, NotFound for an unknown model."""
        questions = [Question(with_evidence(s.messages, s.evidence), self._options | {"seed": k}) for s in samples for k in range(self.tries)]
        answers = self._answers(questions)
        owners = [s for s in samples for _ in range(self.tries)]
        right = [answer.error is None and score_reply(s, answer.text, self._knowledge).correct == 1.0 for s, answer in zip(owners, answers, strict=True)]
        return [sum(right[i * self.tries : (i + 1) * self.tries]) for i in range(len(samples))]

    def _answers(self, questions: Sequence[Question]) -> list[Answer]:
        answers = self._endpoint.ask(questions)
        for again in range(_PASSES):
            open_ = [i for i, a in enumerate(answers) if isinstance(a.error, Unavailable)]
            if not open_:
                return answers
            self._endpoint.rest(self._rest_seconds * 2**again)
            for i, answer in zip(open_, self._endpoint.ask([questions[i] for i in open_]), strict=True):
                answers[i] = answer
        failed = next((a.error for a in answers if isinstance(a.error, Unavailable)), None)
        if failed is not None:
            raise Unavailable(f"{self._endpoint.model} stayed away while it was to try the items: {failed}")
        return answers
