"""knowledge: what the knowledge base holds, and how more comes in."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.console import errors, out
from app.stack import first_run
from core import audit
from core.db import unit_of_work
from core.errors import Conflict, NotFound
from core.knowledge import builtin, knowledge, versions
from core.knowledge.difference import difference
from core.knowledge.graph import Concept, Fact, Graph
from core.knowledge.report import Report
from core.types import Relation

_SHOWN = 20
_FEW = 8
_EDITION = re.compile(r":| \(| \S*\d")
"""What follows a publisher's name in a source: "NICE NG128", "MedlinePlus: Asthma", "Disease Ontology 2026-07-31"."""
_MOST_COMPARED = 50_000
"""Concepts whose names are compared with one that nobody has: half a second; a graph of millions would take many."""

app = typer.Typer(no_args_is_help=True, help="Look into the knowledge base, and import into it.")

_Name = Annotated[str, typer.Argument(help='A concept by name or id, for example "asthma".')]
_Version = Annotated[str, typer.Argument(help="A version, or builtin.")]


@app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Files (.obo, .tsv, .RRF) or folders of them.")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with the built-in base alone, without what was imported before.")] = False,
) -> None:
    """Merge sources into the knowledge base: a new version, whole or not at all, in use at once."""
    from core.knowledge import loaders
    from core.knowledge.merge import merge

    with errors.status("Reading ..."):
        found = loaders.read(sources)
    with errors.status("Merging ..."):
        before = versions.current()
        if not fresh and _holds_another_base(before):
            raise Conflict(f"Version {before} holds an older built-in base than this product has; import all its sources again, with --fresh")
        onto = _graph(versions.BUILTIN if fresh else before)
        merged = merge(found.sources, onto, builtin())
        is_new = versions.save(merged.graph, merged.report)
        _use(merged.graph.version, before, files=[path.name for path in sources])
    _show_report(merged.report)
    for path in found.unknown:
        out.print(f"Not imported, as no mapping fits: {path}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    said = "is in use now" if is_new else "holds exactly this already, and is in use"
    out.print(f"Version {merged.graph.version} {said}. Report: {versions.report_path(merged.graph.version)}", highlight=False, soft_wrap=True)


@app.command("stats")
def stats() -> None:
    """Count concepts and facts by kind, facts by who published their source too."""
    graph = _graph(versions.current())
    for title, counts in (
        ("concepts", Counter(str(c.kind) for c in graph.concepts.values())),
        ("facts", Counter(str(f.relation) for f in graph.facts)),
        ("publishers of facts", Counter(_EDITION.split(f.source)[0] for f in graph.facts)),
    ):
        table = Table(title, "", box=None, header_style="bold")
        table.columns[1].justify = "right"
        for name, count in counts.most_common(_SHOWN):
            table.add_row(escape(name), str(count))
        if rest := counts.total() - sum(count for _, count in counts.most_common(_SHOWN)):
            table.add_row(f"{len(counts) - _SHOWN} others", str(rest))
        table.add_row("[bold]all", f"[bold]{counts.total()}")
        out.print(table)
        out.print()
    name = versions.current()
    out.print(f"Version {graph.version}{' (built-in)' if name == versions.BUILTIN else ''}", highlight=False)
    if _holds_another_base(name):
        out.print("It holds an older built-in base than this product has; import its sources again, with --fresh.", style="yellow", highlight=False)


@app.command("show")
def show(name: _Name) -> None:
    """Show a concept and every fact about it, each with its source."""
    graph = _graph(versions.current())
    for concept in _find(graph, name):
        out.print(f"[bold]{escape(concept.label)}[/] ({concept.kind}, {escape(concept.id)}, {escape(concept.source)})", highlight=False, soft_wrap=True)
        for title, values in (("also", concept.synonyms), ("other ids", concept.also_ids), ("cross-references", concept.xrefs)):
            if values:
                out.print(f"{title} {', '.join(values)}", highlight=False, markup=False, style="dim", soft_wrap=True)
        if concept.unlinked:
            out.print(f"not looked for in text: {', '.join(concept.unlinked)}", highlight=False, markup=False, style="dim", soft_wrap=True)
        for fact in _facts_about(graph, concept):
            _print_fact(graph, fact)
        out.print()


@app.command("path")
def path(
    start: Annotated[str, typer.Argument(metavar="A", help="A concept by name or id.")],
    goal: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
) -> None:
    """Show a shortest chain of facts from one concept to another."""
    graph = _graph(versions.current())
    chains = [(graph.path(a.id, b.id), a, b) for a in _find(graph, start) for b in _find(graph, goal)]
    chain, a, b = min(chains, key=lambda c: len(c[0]) if c[0] is not None else len(graph.facts))
    if chain is None:
        raise NotFound(f"No chain of facts leads from {a.label!r} to {b.label!r}")
    out.print(f"[bold]{escape(a.label)}[/] to [bold]{escape(b.label)}[/]: {len(chain)} fact{'' if len(chain) == 1 else 's'}", highlight=False)
    for fact in chain:
        _print_fact(graph, fact)


@app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A version, or builtin. Without: the one that the version in use was made from.")] = "",
    after: Annotated[str, typer.Argument(metavar="B", help="Another one. Without: the version in use.")] = "",
) -> None:
    """Show what changed between two versions."""
    after = after or versions.current()
    before = before or (versions.version(after).before if after != versions.BUILTIN else versions.BUILTIN)
    old, new = _graph(before), _graph(after)
    found = difference(old, new)
    table = Table(f"{_called(old)} to {_called(new)}", "added", "removed", "changed", box=None, header_style="bold")
    table.add_row("concepts", str(len(found.added)), str(len(found.removed)), str(len(found.changed)))
    for relation in Relation:
        counts = [sum(f.relation is relation for f in facts) for facts in (found.facts_added, found.facts_removed, [f for _, f in found.facts_changed])]
        if any(counts):
            table.add_row(str(relation), *map(str, counts))
    for column in table.columns[1:]:
        column.justify = "right"
    out.print(table)
    _some("added", (f"{c.label} ({c.kind}, {c.id})" for c in found.added))
    _some("removed", (f"{c.label} ({c.kind}, {c.id})" for c in found.removed))
    _some("facts added", (new.sentence(f) for f in found.facts_added))
    _some("facts removed", (old.sentence(f) for f in found.facts_removed))
    # A further source of the same is no change of what holds.
    said = [(old.sentence(a), new.sentence(b)) for a, b in found.facts_changed]
    _some("facts changed", (f"{a} -> {b}" for a, b in said if a != b))


@app.command("versions")
def list_versions() -> None:
    """List what was imported, the newest first."""
    using = versions.current()
    table = Table("", "version", "made", "concepts", "facts", "sources", box=None, header_style="bold")
    for v in versions.versions():
        table.add_row("*" if v.name == using else "", v.name, f"{v.made_at:%Y-%m-%d %H:%M}", str(v.concepts), str(v.facts), escape(", ".join(v.sources)))
    graph = builtin().graph
    table.add_row("*" if using == versions.BUILTIN else "", versions.BUILTIN, "", str(len(graph.concepts)), str(len(graph.facts)), "")
    out.print(table)


@app.command("use")
def use(version: _Version) -> None:
    """Use another version, in every process, at once."""
    _use(version, versions.current())
    out.print(f"Version {version} is in use now", highlight=False, markup=False)


def _use(version: str, before: str, **detail: object) -> None:
    """On record, or not at all: from now on every answer is checked against it."""
    first_run.ensure_schema()
    with unit_of_work() as session:
        audit.record(session, "command line", "knowledge.used", version, before=before, **detail)
        versions.use(version, instead_of=before)


def _show_report(report: Report) -> None:
    for source in report.sources:
        table = Table(escape(f"{source.file} ({source.publisher})"), "", box=None, header_style="bold", pad_edge=False)
        table.columns[1].justify = "right"
        for what, count in source.rows.items():
            table.add_row(escape(f"  {what}"), str(count))
        table.add_row("  [bold]rows", f"[bold]{source.row_count}")
        out.print(table)
        if source.concepts:
            said = ", ".join(f"{count} {what}" for what, count in source.concepts.items())
            out.print(f"  about {sum(source.concepts.values())} concepts: {said}", highlight=False, soft_wrap=True)
        _some("to look at", source.notes)
        out.print()
    _some("conflicts", report.conflicts)
    if report.unlinked:
        said = ", ".join(f"{count} {reason}" for reason, count in report.unlinked.items())
        out.print(f"Names kept but not looked for in text: {said}", highlight=False, soft_wrap=True)


def _some(title: str, items: Iterable[str]) -> None:
    shown = list(items)
    if shown:
        out.print(f"  {title} ({len(shown)})", highlight=False, markup=False)
        for item in shown[:_FEW]:
            out.print(f"    {item}", highlight=False, markup=False, style="dim", soft_wrap=True)
        if len(shown) > _FEW:
            out.print(f"    and {len(shown) - _FEW} more", highlight=False, style="dim")


def _print_fact(graph: Graph, fact: Fact) -> None:
    out.print(f"  {escape(graph.sentence(fact))} [dim]({escape(fact.source)}; {escape(fact.row)})[/]", highlight=False, soft_wrap=True)
    for other in fact.also:
        out.print(f"    also {other}", highlight=False, markup=False, style="dim", soft_wrap=True)


def _graph(name: str) -> Graph:
    """Without a linker, which takes longer to build than the graph."""
    return builtin().graph if name in (versions.BUILTIN, builtin().graph.version) else versions.load(name)


def _holds_another_base(name: str) -> bool:
    return name != versions.BUILTIN and versions.version(name).builtin != builtin().graph.version


def _called(graph: Graph) -> str:
    return versions.BUILTIN if graph.version == builtin().graph.version else graph.version


def _find(graph: Graph, name: str) -> tuple[Concept, ...]:
    """By id, else every concept of this name; a name need not be one that is looked for in text."""
    if concept := graph.find(name.strip()):
        return (concept,)
    wanted = name.strip().lower()
    if found := tuple(c for c in graph.concepts.values() if wanted in (c.label.lower(), *(s.lower() for s in c.synonyms))):
        return found
    if linked := [m for m in knowledge().linker.mentions(name) if m.text.strip().lower() == wanted]:
        return linked[0].concepts
    near = sorted(c.label for c in graph.concepts.values() if wanted and any(wanted in n.lower() for n in (c.label, *c.synonyms)))[:5]
    if not near and len(graph.concepts) <= _MOST_COMPARED:
        near = difflib.get_close_matches(wanted, {n.lower() for c in graph.concepts.values() for n in (c.label, *c.synonyms)}, n=3)
    hint = f"; near it: {', '.join(near)}" if near else ""
    raise NotFound(f"The knowledge base has no concept {name!r}{hint}")


def _facts_about(graph: Graph, concept: Concept) -> tuple[Fact, ...]:
    own = [fact for relation in Relation for fact in graph.facts_from(concept.id, relation)]
    others = [fact for relation in Relation for fact in graph.facts_to(concept.id, relation) if fact not in own]
    return (*own, *others)
