"""Where commands write: results to `out`, everything else to `errors`, so that results can be piped."""

from rich.console import Console

out = Console()
errors = Console(stderr=True)
