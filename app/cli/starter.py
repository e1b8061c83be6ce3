"""starter: the small model that the project trains from scratch."""

import os
import subprocess
import sys

import typer

# A team of threads that spins while it waits is ten times slower as soon as another process wants one of its cores.
_PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}

app = typer.Typer(no_args_is_help=True, help="Build the starter model, which answers when no larger base model is set.")


@app.command("build", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def build(context: typer.Context) -> None:
    """Train the starter model from the built-in knowledge base: about 20 minutes on 2 cores. `build --help` lists its options."""
    # A process of its own: training needs torch, which this command and the app never load.
    command = [sys.executable, "-m", "alignment", "starter", "build", *context.args]
    try:
        raise typer.Exit(subprocess.run(command, env=_PATIENT | os.environ).returncode)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
