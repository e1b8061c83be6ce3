"""Clinicians' judgements as training may see them: de-identified, accepted by a reviewer."""

from core.types import Message, Value


class FeedbackExample(Value):
    """One accepted judgement."""

    id: str
    messages: tuple[Message, ...]
    """The conversation up to and with the question."""
    evidence: tuple[str, ...] = ()
    """The facts that the reply was given, in the order of their numbers."""
    reply: str = ""
    """What was judged, in the model's own words."""
    rating: int | None = None
    """-1, 1, or None."""
    correction: str | None = None
    unsafe: bool = False
    simulated: bool = False

    @property
    def likes(self) -> bool | None:
        """Whether the reply was found good. A correction or an unsafe flag says no, whatever the thumb says; None: it was not judged."""
        if self.unsafe or (self.correction or "").strip():
            return False
        return None if self.rating is None else self.rating > 0
