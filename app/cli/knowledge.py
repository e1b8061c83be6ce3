"""knowledge: what the knowledge base holds."""

import re
from collections import Counter
from typing import Annotated

import typer
from rich.table import Table

from app.cli.console import out
from core.errors import NotFound
from core.knowledge import Knowledge, knowledge
from core.knowledge.graph import Concept, Fact
from core.types import Relation

_SHOWN = 20

app = typer.Typer(no_args_is_help=True, help="Look into the knowledge base.")


@app.command("stats")
def stats() -> None:
    """Count concepts and facts by kind, facts by who published their source too."""
    graph = knowledge().graph
    for title, counts in (
        ("concepts", Counter(str(c.kind) for c in graph.concepts.values())),
        ("facts", Counter(str(f.relation) for f in graph.facts)),
        ("publishers of facts", Counter(re.split(r"[ :]", f.source)[0] for f in graph.facts)),
    ):
        table = Table(title, "", box=None, header_style="bold")
        table.columns[1].justify = "right"
        for name, count in counts.most_common(_SHOWN):
            table.add_row(name, str(count))
        if rest := counts.total() - sum(count for _, count in counts.most_common(_SHOWN)):
            table.add_row(f"{len(counts) - _SHOWN} others", str(rest))
        table.add_row("[bold]all", f"[bold]{counts.total()}")
        out.print(table)
        out.print()
    out.print(f"Version {graph.version}", highlight=False)


@app.command("show")
def show(name: Annotated[str, typer.Argument(help='A concept by name or id, for example "asthma".')]) -> None:
    """Show a concept and every fact about it, each with its source."""
    known = knowledge()
    for concept in _find(known, name):
        out.print(f"[bold]{concept.label}[/] ({concept.kind}, {concept.id}, {concept.source})", highlight=False)
        if concept.synonyms:
            out.print(f"also {', '.join(concept.synonyms)}", highlight=False, style="dim")
        for fact in _facts_about(known, concept):
            out.print(f"  {known.graph.sentence(fact)} [dim]({fact.source}; {fact.row})[/]", highlight=False, soft_wrap=True)
        out.print()


def _find(known: Knowledge, name: str) -> tuple[Concept, ...]:
    if concept := known.graph.concepts.get(name):
        return (concept,)
    whole = [m for m in known.linker.mentions(name) if m.text.strip().lower() == name.strip().lower()]
    if whole:
        return whole[0].concepts
    near = sorted(c.label for c in known.graph.concepts.values() if any(name.strip().lower() in n.lower() for n in c.names))[:5]
    hint = f"; near it: {', '.join(near)}" if near and name.strip() else ""
    raise NotFound(f"The knowledge base has no concept {name!r}{hint}")


def _facts_about(known: Knowledge, concept: Concept) -> tuple[Fact, ...]:
    graph = known.graph
    own = [fact for relation in Relation for fact in graph.facts_from(concept.id, relation)]
    others = [fact for relation in Relation for fact in graph.facts_to(concept.id, relation) if fact not in own]
    return (*own, *others)
