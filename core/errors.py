"""One tree of errors. The docstring of each class is its policy: who sees it, and whether a retry can help.

Raise the most specific one with a message that says what to do; let it rise. It is turned into an HTTP answer in one
place (`app.gateway.errors`), into an exit code in one place (`app.cli`), and into a round's state in one place (`workers.rounds`).
"""


class AppError(Exception):
    """Anything we expected to be able to go wrong. The message is safe to show and never holds a secret."""

    status = 500
    code = "internal_error"
    retry_after_seconds: int | None = None
    """When to try again; None: only something else than time can help."""


class BadInput(AppError):
    """The caller can fix it: HTTP 400, exit code 2. Never retried."""

    status = 400
    code = "invalid_request"


class TooLarge(BadInput):
    """The request is larger than the limit that its message names: HTTP 413."""

    status = 413
    code = "request_too_large"


class NotSignedIn(AppError):
    """No or wrong credentials: HTTP 401. The message does not say which part was wrong."""

    status = 401
    code = "invalid_api_key"


class NotAllowed(AppError):
    """Known caller, missing scope or role: HTTP 403."""

    status = 403
    code = "permission_denied"


class NotFound(AppError):
    """The named thing does not exist, or is another user's: HTTP 404, exit code 2."""

    status = 404
    code = "not_found"


class Conflict(AppError):
    """The thing exists but its state forbids the action: HTTP 409, exit code 2."""

    status = 409
    code = "conflict"


class TooManyRequests(AppError):
    """Too many attempts or requests in a short time: HTTP 429 with Retry-After."""

    status = 429
    code = "rate_limit_exceeded"

    def __init__(self, message: str, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(AppError):
    """A part we depend on (vLLM, Redis, the database) does not answer: HTTP 503 with Retry-After; jobs retry."""

    status = 503
    code = "service_unavailable"
    retry_after_seconds = 5


class TimedOut(Unavailable):
    """It was asked and did not answer in time. Handled as Unavailable; counted apart."""


class Garbled(Unavailable):
    """What answered is not what was asked: a web page, broken JSON, half a reply. Handled as Unavailable; counted apart."""


class KnowledgeError(BadInput):
    """A knowledge source is malformed; names file and line. Nothing of it is used."""


class RecipeError(BadInput):
    """A recipe or policy file has a wrong field; names it."""


class SuiteError(BadInput):
    """The file of an exam is malformed or missing; names file and line. Nothing of it is asked."""


class ArtifactError(AppError):
    """An artifact could not be written whole or does not match its manifest. Nothing half-written is visible. Jobs fail."""

    code = "artifact_error"


class TrainingError(AppError):
    """The training child ended badly. The round fails with the reason unless it can resume from a training checkpoint."""

    code = "training_error"


class GateError(AppError):
    """The exam could not be run or compared. The round is held; never promoted. CI sees exit code 3."""

    code = "gate_error"


class LostLease(AppError):
    """Another worker has taken this job over. Stop without writing; not an error for the user."""

    code = "lost_lease"
