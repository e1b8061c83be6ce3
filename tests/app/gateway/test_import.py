"""A running gateway uses an import from its next request on."""

from pathlib import Path

import pytest

from app.gateway.house import House
from core.knowledge import builtin, versions
from core.llm import ScriptedChat
from tests.core.knowledge.sources import OBO, imported


@pytest.mark.usefixtures("test_settings")
def test_a_request_after_an_import_knows_what_it_brought(tmp_path: Path) -> None:
    house = House(ScriptedChat(lambda _: ""))
    assert house.knowledge() is builtin()
    merged = imported(tmp_path, {"made.obo": OBO})
    versions.save(merged.graph, merged.report)
    versions.use(merged.graph.version)
    assert house.knowledge().graph.find("DOID:9000002") is not None
    assert House(ScriptedChat(lambda _: ""), builtin()).knowledge() is builtin(), "a fixed one stays"
