"""The form of a plan: named parts as JSON or under headings, one line each, and the check that verifies it."""

import json
from collections.abc import Mapping

from alignment.mkgsg.formats import Form
from alignment.mkgsg.grammar import FORMATS
from alignment.mkgsg.workflow import capital
from alignment.mkgsg.writer import Writer
from core.types import Check


def parts_form(parts: Mapping[str, str], w: Writer) -> Form:
    """`parts`: snake_case name -> text, in order."""
    if w.rng.random() < 0.5:
        keys = list(parts)
        names = _joined([f'"{k}"' for k in keys])
        return Form(
            w.phrase(FORMATS["json_keys"]).format(keys=names),
            Check(kind="json_keys", args={"keys": keys}),
            json.dumps(dict(parts), ensure_ascii=False),
            _plain(parts),
        )
    titles = {k: capital(k).replace("Safety_net", w.rng.choice(("Safety-net", "Safety net"))) for k in parts}
    names = _joined([f"{t}:" for t in titles.values()])
    text = "\n".join(f"{titles[k]}: {text.rstrip('.')}." for k, text in parts.items())
    return Form(w.phrase(FORMATS["has_sections"]).format(titles=names), Check(kind="has_sections", args={"titles": list(titles.values())}), text, _plain(parts))


def _plain(parts: Mapping[str, str]) -> str:
    return " ".join(f"{capital(text).rstrip('.')}." for text in parts.values())


def _joined(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
