"""Where commands write: results to `out`, everything else to `errors`, so that results can be piped."""

import re

from pydantic import ValidationError
from rich.console import Console

_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it, ends of lines that are none of ours, turns of direction, and halves of letters, which cannot be
written at all."""

out = Console()
errors = Console(stderr=True)


def plain(text: str) -> str:
    """Stored text as a terminal may have it: what would command the terminal is spelt as JSON spells it. Rich lets escape sequences through."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


def settings_message(error: ValidationError) -> str:
    """Only the settings are validated outside the rooms' own error handling; each wrong one is named, no value is shown."""
    wrong = [(".".join(str(part) for part in item["loc"]).upper(), item["type"], item["msg"]) for item in error.errors(include_input=False)]
    if ("SECRET_KEY", "missing") in [w[:2] for w in wrong]:
        return "no settings here: run this in the folder where `balancedbio up` made .env, or set SECRET_KEY"
    said = [(name, "must have at least 32 characters" if name == "SECRET_KEY" else message.removeprefix("Value error, ")) for name, _, message in wrong]
    return "; ".join(f"setting {name}: {message}" if name else message for name, message in said) + " (environment or .env)"
