"""Where commands write: results to `out`, everything else to `errors`, so that results can be piped."""

from pydantic import ValidationError
from rich.console import Console

out = Console()
errors = Console(stderr=True)


def settings_message(error: ValidationError) -> str:
    """Only the settings are validated outside the rooms' own error handling; each wrong one is named, no value is shown."""
    wrong = [(".".join(str(part) for part in item["loc"]).upper(), item["type"], item["msg"]) for item in error.errors(include_input=False)]
    if ("SECRET_KEY", "missing") in [w[:2] for w in wrong]:
        return "no settings here: run this in the folder where `balancedbio up` made .env, or set SECRET_KEY"
    said = [(name, "must have at least 32 characters" if name == "SECRET_KEY" else message.removeprefix("Value error, ")) for name, _, message in wrong]
    return "; ".join(f"setting {name}: {message}" if name else message for name, message in said) + " (environment or .env)"
