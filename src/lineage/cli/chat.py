"""`lineage chat`: talk to any checkpoint, or let it continue a text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import open_project
from lineage.errors import UserError

if TYPE_CHECKING:
    from lineage.cli.conversation import Conversation

Model = Annotated[
    str, typer.Argument(help="`base@300`, `base` (last checkpoint), or a Hugging Face folder.", show_default=False)
]
Prompt = Annotated[str | None, typer.Option("--prompt", metavar="TEXT", help="Answer this and stop.")]
NewTokens = Annotated[int, typer.Option("--max-new-tokens", min=1, help="Longest reply, in tokens.")]
Temperature = Annotated[float, typer.Option("--temperature", min=0.0, help="0 always takes the likeliest token.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the sampling; the same seed gives the same replies.")]

LEAVE, FORGET = "/exit", "/new"


def chat(
    model: Model,
    prompt: Prompt = None,
    max_new_tokens: NewTokens = 128,
    temperature: Temperature = 0.8,
    seed: Seed = 0,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Chat with a model whose tokenizer has a chat template; any other model continues what you type.

    On a terminal this is a conversation (/new forgets it, /exit or Ctrl-D leaves). From a pipe, each line is a prompt
    of its own. --json prints one object a prompt: {"model", "prompt", "reply", "prompt_tokens", "new_tokens"}.

    Examples:

        lineage chat base@900

        lineage chat base@900 --prompt "Mira Soltan was born in" --temperature 0

        lineage chat path/to/folder --max-new-tokens 40 < prompts.txt
    """
    folder = _model_folder(model, configfile, settings, results, experiment)
    from lineage.cli.conversation import Conversation

    conversation = Conversation(folder, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    if prompt is None and sys.stdin.isatty():
        _talk(conversation)
        return
    for line in [prompt] if prompt is not None else _lines():
        conversation.forget()
        reply = conversation.reply(line, stream=None if as_json else _write)
        if as_json:
            _write_json({"model": str(folder), **vars(reply)})
        else:
            typer.echo()


def _model_folder(
    model: str, configfile: list[Path] | None, settings: list[str] | None, results: Path | None, experiment: str | None
) -> Path:
    """The folder of a checkpoint, or the folder that the user names.

    Raises:
        UserError: no such model, or an artifact that is no model.
    """
    folder = Path(model)
    if (folder / "config.json").is_file():
        return folder
    if folder.is_dir():
        raise UserError(f"{folder}: no config.json in it, so it is no Hugging Face model folder.")
    return open_project(configfile, settings, results, experiment).find(model).open("model").folder


def _talk(conversation: Conversation) -> None:
    kind = "chat" if conversation.has_template else "continuation (the tokenizer has no chat template)"
    typer.echo(f"{conversation.folder}: {kind}. {FORGET} starts anew, {LEAVE} leaves.")
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            typer.echo()
            return
        if line == LEAVE:
            return
        if line == FORGET:
            conversation.forget()
        elif line:
            conversation.reply(line, stream=_write)
            typer.echo()


def _lines() -> Iterator[str]:
    return (line.rstrip("\n") for line in sys.stdin if line.strip())


def _write(text: str) -> None:
    typer.echo(text, nl=False)
    sys.stdout.flush()


def _write_json(fields: dict[str, Any]) -> None:
    import json

    typer.echo(json.dumps(fields, ensure_ascii=False))
