"""starter: the small model that the project trains from scratch."""

import subprocess
import sys

import typer

app = typer.Typer(no_args_is_help=True, help="Build the starter model, which answers when no larger base model is set.")


@app.command("build", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def build(context: typer.Context) -> None:
    """Train the starter model from the built-in knowledge base: under 15 minutes on 2 cores. `build --help` lists its options."""
    # A process of its own: training needs torch, which this command and the app never load.
    command = [sys.executable, "-m", "alignment", "starter", "build", *context.args]
    try:
        raise typer.Exit(subprocess.run(command).returncode)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
