"""The command `lineage`: its subcommands; here a user's mistake becomes a message and exit code 2."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from lineage.cli import config, world
from lineage.cli.chat import chat
from lineage.cli.claims import claim, power
from lineage.cli.clean import clean
from lineage.cli.costs import costs
from lineage.cli.diff import diff
from lineage.cli.merge import merge
from lineage.cli.retrievers import retrievers
from lineage.cli.runs import runs
from lineage.cli.search import search
from lineage.cli.show_batch import show_batch
from lineage.cli.verify import verify
from lineage.cli.watch import watch
from lineage.cli.why import why
from lineage.errors import UserError

EXIT_USER = 2


class _Commands(TyperGroup):
    """Shows a `UserError` of any command as its message, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            sys.stderr.write(f"lineage: {error}\n")
            raise typer.Exit(EXIT_USER) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Look at what the workflow has built: `lineage runs` first. Every command has --help with examples.",
)
app.command()(runs)
app.command()(diff)
app.command()(why)
app.command()(claim)
app.command()(power)
app.command()(costs)
app.command()(watch)
app.command()(chat)
app.command()(search)
app.command()(retrievers)
app.command()(merge)
app.command()(verify)
app.command()(clean)
app.add_typer(world.app, name="world")
app.command("show-batch")(show_batch)
app.add_typer(config.app, name="config")

if __name__ == "__main__":
    app()
