"""`lineage show-batch`: which documents each row of a training step held."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lineage.cli.display import short, show_json, show_table
from lineage.cli.inventory import Found, natural
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import Project, open_project
from lineage.errors import UserError

ORDER = "order.parquet"

Model = Annotated[str, typer.Argument(help="`base`, or one of its checkpoints.", show_default=False)]
Step = Annotated[
    int,
    typer.Argument(min=0, help="Optimizer step, from 0: the step that made `base@1` is step 0.", show_default=False),
]
Row = Annotated[int | None, typer.Option("--row", min=0, help="Only this row of the batch.")]
Text = Annotated[bool, typer.Option("--text", help="Decode the tokens of each piece.")]


def show_batch(
    model: Model,
    step: Step,
    row: Row = None,
    text: Text = False,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show which tokens of which documents each row of a training step held, from what the run wrote down.

    --json prints {"model", "step", "tokens", "segments": [{"row", "column", "document", "start", "stop"} and with
    --text "text"]}: tokens [start, stop) of the document stand from `column` of `row`.

    Examples:

        lineage show-batch base 0

        lineage show-batch base@900 412 --row 3 --text
    """
    project = open_project(configfile, settings, results, experiment)
    found = checkpoint_of_step(project, project.name(model), step)
    tokens = project.inventory.input(found, "tokens")
    segments = _segments(found, tokens, step, row)
    if text:
        _add_texts(project, found, tokens, segments)
    for segment in segments:
        del segment["index"]
    if as_json:
        show_json({"model": found.name, "step": step, "tokens": tokens.name, "segments": segments})
        return
    headings = ["row#", "column#", "document", "start#", "stop#", *(["text"] if text else [])]
    keys = [heading.removesuffix("#") for heading in headings]
    rows = [[repr(one[key]) if key == "text" else str(one[key]) for key in keys] for one in segments]
    show_table(headings, rows, title=f"step {short(step)} of {found.name}, documents of {tokens.name}")


def checkpoint_of_step(project: Project, name: str, step: int) -> Found:
    """The artifact of the chain of `name` whose segment holds `step`.

    Raises:
        UserError: no model of that chain took this step; says which steps there are.
    """
    import pyarrow.parquet as pq

    chain = name.partition("@")[0]
    members = [one for one in project.inventory.of_kind("model") if one.name.partition("@")[0] == chain]
    ranges: list[str] = []
    for one in sorted(members, key=lambda one: natural(one.name)):
        if one.manifest is None or ORDER not in one.manifest.files:
            continue
        steps = pq.read_table(one.open("model").path(ORDER), columns=["step"]).column("step")
        if len(steps) == 0:
            continue
        first, last = steps[0].as_py(), steps[-1].as_py()
        if first <= step <= last:
            return one
        ranges.append(f"{one.name} holds steps {first} to {last}")
    short_name = chain.removeprefix("models/")
    there = "; ".join(ranges) or f"no checkpoint of '{short_name}' that was trained here is built"
    raise UserError(f"step {step} is in no checkpoint of '{short_name}'.\n  {there}")


def _segments(found: Found, tokens: Found, step: int, row: int | None) -> list[dict[str, Any]]:
    """The segments of the step with document ids; `index` is the row of the document in the tokens artifact."""
    import pyarrow.parquet as pq

    ids = pq.read_table(tokens.open("tokens").path("documents.parquet"), columns=["id"]).column("id")
    table = pq.read_table(found.folder / ORDER, filters=[("step", "=", step)])
    pieces = [one for one in table.to_pylist() if row is None or one["row"] == row]
    if not pieces:
        rows = max(table.column("row").to_pylist()) + 1
        raise UserError(f"--row is {row}: step {step} has rows 0 to {rows - 1}.")
    return [
        {
            "row": one["row"],
            "column": one["column"],
            "document": ids[one["document"]].as_py(),
            "start": one["start"],
            "stop": one["stop"],
            "index": one["document"],
        }
        for one in pieces
    ]


def _add_texts(project: Project, found: Found, tokens: Found, segments: list[dict[str, Any]]) -> None:
    from tokenizers import Tokenizer

    from lineage.data.order import TokenStream

    stream = TokenStream.open(tokens.open("tokens"))
    tokenizer = Tokenizer.from_file(
        str(project.inventory.input(found, "tokenizer").open("tokenizer").path("tokenizer.json"))
    )
    for segment in segments:
        begin = int(stream.offsets[segment["index"]])
        ids = stream.tokens[begin + segment["start"] : begin + segment["stop"]].tolist()
        segment["text"] = tokenizer.decode(ids, skip_special_tokens=False)
