"""Makes the next migration from the difference between `core.tables` and the newest schema: `python -m core.migrations.revise "add a column"`.

Read what it wrote before committing it; renames, for one, look like a drop and an add.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from core.db import engine_for
from core.settings import ROOT


def revise(message: str) -> Path:
    """Writes the revision beside the others and returns its path."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "core" / "migrations"))
    versions = ROOT / "core" / "migrations" / "versions"
    number = f"{len(list(versions.glob('*.py'))) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder, engine_for(f"sqlite:///{folder}/scratch.db").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        command.revision(config, message=message, autogenerate=True, rev_id=number)
    return next(versions.glob(f"{number}_*.py"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit('usage: python -m core.migrations.revise "what changes"')
    print(revise(sys.argv[1]))
