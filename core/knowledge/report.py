"""What an import did with every row: merged, new, left out, in conflict. Saved with the version as Markdown and JSON."""

from collections import Counter
from typing import Any

from core.types import Value

_SHOWN = 15


class SourceReport(Value):
    """One file. `rows` sum to its number of rows, `concepts` to its number of distinct concepts."""

    file: str
    publisher: str
    licence: str
    sha256: str
    row_count: int
    rows: dict[str, int]
    concepts: dict[str, int]
    notes: tuple[str, ...]


class Report(Value):
    version: str
    before: str
    """Version that the sources were merged into."""
    builtin: str
    """Version of the built-in base at the time."""
    sources: tuple[SourceReport, ...]
    concepts: dict[str, int]
    """Of the new version, by kind."""
    facts: dict[str, int]
    conflicts: tuple[str, ...]
    """Two severities, two labels, two kinds, a name of several concepts; each with what was done."""
    unlinked: dict[str, int]
    """Names that are not looked for in text, by reason."""
    unlinked_names: tuple[str, ...]

    def markdown(self) -> str:
        lines = [f"# Knowledge version {self.version}", "", f"Merged into {self.before}; built-in base {self.builtin}.", ""]
        lines += ["| concepts | | facts | |", "|---|---:|---|---:|"]
        left, right = list(self.concepts.items()), list(self.facts.items())
        for i in range(max(len(left), len(right))):
            a, b = (left[i] if i < len(left) else ("", "")), (right[i] if i < len(right) else ("", ""))
            lines.append(f"| {a[0]} | {a[1]} | {b[0]} | {b[1]} |")
        for source in self.sources:
            lines += ["", f"## {source.file}", "", f"{source.publisher}. Licence: {source.licence or 'not stated'}. SHA-256 {source.sha256}.", ""]
            lines += [f"| {source.row_count} rows | |", "|---|---:|", *(f"| {what} | {n} |" for what, n in source.rows.items())]
            if source.concepts:
                total = sum(source.concepts.values())
                lines += ["", f"| {total} concepts | |", "|---|---:|", *(f"| {what} | {n} |" for what, n in source.concepts.items())]
            lines += _some("To look at", source.notes)
        lines += _some("Conflicts", self.conflicts, "##")
        if self.unlinked:
            lines += ["", "## Names not looked for in text", "", "| reason | names |", "|---|---:|", *(f"| {r} | {n} |" for r, n in self.unlinked.items())]
            lines += _some("Examples", self.unlinked_names)
        return "\n".join(lines) + "\n"


def _some(title: str, items: tuple[str, ...], level: str = "###") -> list[str]:
    if not items:
        return []
    rest = [f"- and {len(items) - _SHOWN} more in report.json"] if len(items) > _SHOWN else []
    return ["", f"{level} {title} ({len(items)})", "", *(f"- {i}" for i in items[:_SHOWN]), *rest]


def ordered(counts: Counter[Any]) -> dict[str, int]:
    """The commonest first; equal ones by name, so that the report is the same on every machine."""
    return {str(what): n for what, n in sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))}
