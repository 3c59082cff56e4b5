"""`lineage merge`: merge Hugging Face folders, inside an experiment or without one."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.cli.display import bytes_in_words, show_json, show_table
from lineage.cli.hashing import Hashing
from lineage.cli.options import AsJson
from lineage.config.merging import LayerWeights, Merge
from lineage.config.messages import explain, listed, sentence
from lineage.errors import UserError

if TYPE_CHECKING:
    from lineage.merging.executor import TensorFacts
    from lineage.merging.plan import MergePlan

_HASHED = ("model*.safetensors", "config.json", "tokenizer.json")
"""Files of a parent whose hashes are going to be asked for."""

Models = Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Hugging Face folders.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder to make; it must not exist.")]
MethodName = Annotated[
    str | None,
    typer.Option("--method", metavar="NAME", help="linear, slerp, slerp_delta, task_arithmetic, ties or dare."),
]
Weights = Annotated[
    str | None, typer.Option("--weights", metavar="W,W", help="One number a model: `0.6,0.4`. Default: equal.")
]
Sweep = Annotated[
    str | None,
    typer.Option("--sweep", metavar="S,S", help="Shares of the first of two models; DIR/0.25 is that with 0.25."),
]
Base = Annotated[
    Path | None, typer.Option("--base", metavar="DIR", help="Model that the others come from, for task vectors.")
]
Density = Annotated[
    float | None, typer.Option("--density", metavar="D", help="ties, dare: share of each task vector that is kept.")
]
Scale = Annotated[float | None, typer.Option("--scale", metavar="L", help="Factor of the merged task vector.")]
Trim = Annotated[str | None, typer.Option("--trim", metavar="tensor|model", help="ties: where the largest are sought.")]
Rescale = Annotated[
    str | None,
    typer.Option("--rescale", metavar="inverse|l1", help="dare: divide by the density, or keep the L1 norm."),
]
Election = Annotated[
    str | None, typer.Option("--election", metavar="none|ties", help="dare: add up all, or the elected sign only.")
]
RandomDelta = Annotated[
    list[str] | None,
    typer.Option("--random-delta", metavar="NAME", help="Control: noise instead of this model's task vector."),
]
Projector = Annotated[
    str | None,
    typer.Option("--projector", metavar="merge|NAME", help="Of two vision-language models: whose projector and tower."),
]
Rows = Annotated[str | None, typer.Option("--rows", metavar="token|id", help="How rows of embeddings are matched.")]
Untie = Annotated[bool, typer.Option("--untie", help="Write tied heads out where not all are tied.")]
Dtype = Annotated[str | None, typer.Option("--dtype", metavar="NAME", help="float32, bfloat16 or float16.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of dare and of --random-delta.")]
ShardBytes = Annotated[int | None, typer.Option("--shard-bytes", metavar="N", help="Largest file of the result.")]
Spec = Annotated[
    Path | None,
    typer.Option("--spec", metavar="FILE", help="YAML with the fields of docs/merging.md; options given here win."),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads; the bytes do not depend on them.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and report; read no weights and write nothing.")]


def merge(
    models: Models,
    out: Out = None,
    method: MethodName = None,
    weights: Weights = None,
    sweep: Sweep = None,
    base: Base = None,
    density: Density = None,
    scale: Scale = None,
    trim: Trim = None,
    rescale: Rescale = None,
    election: Election = None,
    random_delta: RandomDelta = None,
    projector: Projector = None,
    rows: Rows = None,
    untie: Untie = False,
    dtype: Dtype = None,
    seed: Seed = None,
    shard_bytes: ShardBytes = None,
    spec: Spec = None,
    threads: Threads = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Merge the weights of Hugging Face folders: language models, vision-language models (LLaVA), or both.

    The result looks like the first vision-language model, or else like the first model: its configuration, tokenizer
    and processor. All of the language model is merged or nothing: the coverage report says which tensors met. Models
    are named in messages, --projector and --random-delta by the last part of their path.

    --json prints [{"out", "like", "method", "weights", "bytes", "seconds", "coverage", "rows", "summary"}], one entry a
    folder.

    Examples:

        lineage merge seeing safe --weights 0.6,0.4 --out merged

        lineage merge math code --base llama --method ties --density 0.2 --out merged

        lineage merge llava vicuna --method slerp --sweep 0,0.25,0.5,0.75,1 --out sweep

        lineage merge llava safe --base chat --method task_arithmetic --random-delta safe --out control
    """
    given = {
        "method": method, "density": density, "scale": scale, "trim": trim, "rescale": rescale, "election": election,
        "projector": projector, "rows": rows, "dtype": dtype, "seed": seed, "shard_bytes": shard_bytes,
        "untie": untie or None,
    }  # fmt: skip
    fields = {**_read_spec(spec), **{key: value for key, value in given.items() if value is not None}}
    names = unique_names(models)
    if "models" not in fields:
        fields["models"] = [{"name": name} for name in names]
    elif weights or sweep or random_delta:
        raise UserError(
            "--spec lists `models`, so their weights stand there: leave out --weights, --sweep, --random-delta."
        )
    _mark_random(fields["models"], random_delta or [])
    if out is None and not dry_run:
        raise UserError("--out is missing: the folder to make. (--dry-run writes nothing.)")
    configs = {
        label: _config({**fields, "models": _weighted(fields["models"], numbers)}, len(models))
        for label, numbers in _variants(weights, sweep, len(models)).items()
    }
    _merge_all(configs, models, base, None if dry_run else out, threads=threads, as_json=as_json)


def unique_names(folders: list[Path]) -> list[str]:
    """The last part of each path, numbered where two are alike.

    >>> unique_names([Path("a/model"), Path("b/model"), Path("chat")])
    ['model', 'model-2', 'chat']
    """
    names: list[str] = []
    for folder in folders:
        name = folder.resolve().name
        same = sum(other.resolve().name == name for other in folders[: len(names)])
        names.append(f"{name}-{same + 1}" if same else name)
    return names


def _read_spec(spec: Path | None) -> dict[str, Any]:
    if spec is None:
        return {}
    import yaml

    try:
        fields = yaml.safe_load(spec.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{spec}: cannot be read as YAML ({error}).") from error
    if not isinstance(fields, dict):
        raise UserError(f"{spec}: must be a mapping of keys to values, such as `method: ties`.")
    return fields


def _mark_random(models: list[dict[str, Any]], chosen: list[str]) -> None:
    known = [one["name"] for one in models] if chosen else []
    for name in chosen:
        if name not in known:
            raise UserError(f"--random-delta: '{name}' is none of the models.\n  models: {listed(known)}")
        models[known.index(name)]["random_delta"] = True


def _variants(weights: str | None, sweep: str | None, num_models: int) -> dict[str, list[float] | None]:
    """{folder below --out, or nothing: a weight for each model}."""
    if sweep is None:
        return {"": None if weights is None else _numbers(weights, "--weights", num_models)}
    if weights is not None:
        raise UserError("--sweep gives the weights: leave out --weights.")
    if num_models != 2:
        raise UserError(f"--sweep goes from one model to another: give two, not {num_models}.")
    shares = _numbers(sweep, "--sweep", None)
    return {f"{share:g}": [share, 1 - share] for share in shares}


def _numbers(text: str, option: str, count: int | None) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"{option} is '{text}': must be numbers with commas between them, such as 0.6,0.4") from None
    if count is not None and len(numbers) != count:
        raise UserError(f"{option} is '{text}': {len(numbers)} numbers for {count} models")
    return numbers


def _weighted(models: list[dict[str, Any]], numbers: list[float] | None) -> list[dict[str, Any]]:
    if numbers is None:
        return models
    return [{**model, "weight": number} for model, number in zip(models, numbers, strict=True)]


def _config(fields: dict[str, Any], num_folders: int) -> Merge:
    from pydantic import ValidationError

    try:
        config = Merge.model_validate(fields)
    except ValidationError as error:
        raise UserError("\n".join(sentence(*mistake) for mistake in explain(error, Merge)).lstrip(": ")) from None
    if len(config.models) != num_folders:
        raise UserError(f"--spec lists {len(config.models)} models, but {num_folders} folders are given.")
    return config


def _merge_all(
    configs: dict[str, Merge],
    folders: list[Path],
    base: Path | None,
    out: Path | None,
    *,
    threads: int | None,
    as_json: bool,
) -> None:
    """Plans every variant, then writes them; --out appears when all are whole."""
    parents = [*folders, *([] if base is None else [base])]
    files = [path for folder in parents for pattern in _HASHED for path in sorted(folder.glob(pattern))]
    with Hashing(files if out is not None else []) as hashes:
        from lineage.merging.plan import make_plan

        plans = {label: make_plan(config, folders, base) for label, config in configs.items()}
        if out is None:
            rows = [_row(plan, None, None, 0.0) for plan in plans.values()]
        else:
            rows = _write_all(plans, out, threads or _cores(), hashes)
    if as_json:
        show_json(rows)
    else:
        _show(next(iter(plans.values())), rows)


def _write_all(plans: dict[str, MergePlan], out: Path, threads: int, hashes: Hashing) -> list[dict[str, Any]]:
    from lineage.artifact import is_full_disk
    from lineage.merging.folder import new_folder, write_merge

    rows = []
    with _stopped_by_signals(), new_folder(out) as partial:
        for label, plan in plans.items():
            begin = time.monotonic()
            target = partial / label if label else partial
            target.mkdir(exist_ok=True)
            try:
                facts = write_merge(plan, target, threads=threads, digest=hashes.of)
            except OSError as error:
                if not is_full_disk(error):
                    raise
                raise UserError(
                    f"{out}: the disk is full: {plan.num_bytes:,} bytes are needed for the weights.\n"
                    "  Nothing is left of the result. Free some space and run again."
                ) from error
            rows.append(_row(plan, facts, out / label if label else out, time.monotonic() - begin))
    return rows


def _row(plan: MergePlan, facts: dict[str, TensorFacts] | None, out: Path | None, seconds: float) -> dict[str, Any]:
    from lineage.merging.folder import coverage_fields, summary

    rows = plan.rows
    return {
        "out": out and str(out),
        "like": plan.owner.name,
        "method": plan.config.method,
        "weights": {
            one.name: weight.model_dump() if isinstance(weight, LayerWeights) else weight
            for one, weight in zip(plan.config.models, plan.config.weights(), strict=True)
        },
        "bytes": plan.num_bytes,
        "seconds": round(seconds, 3),
        "coverage": {one.parent: coverage_fields(one) for one in plan.coverage},
        "rows": rows and {"shared": len(rows.owner), "kept": rows.kept, "dropped": rows.dropped},
        "summary": summary(facts) if facts is not None else None,
    }


def _show(plan: MergePlan, rows: list[dict[str, Any]]) -> None:
    table = [
        (
            one.parent,
            one.layout,
            f"{one.tensors_matched}/{one.tensors_total}",
            f"{one.share:.0%}",
            f"{one.renamed}",
            f"{len(one.unused)}",
            f"{len(one.ignored)}",
        )
        for one in plan.coverage
    ]
    headings = ["parent", "layout", "language tensors#", "covered#", "renamed#", "not used#", "ignored#"]
    show_table(headings, table)
    if plan.rows is not None:
        typer.echo(
            f"rows of embedding and head: {len(plan.rows.owner):,} tokens are in all models; {len(plan.rows.kept):,}"
            f" only in {plan.owner.name}, kept: {listed(plan.rows.kept[:8])}"
        )
        for name, dropped in plan.rows.dropped.items():
            if dropped:
                typer.echo(f"  {len(dropped):,} only in {name}, dropped: {listed(dropped[:8])}")
    for row in rows:
        if row["out"] is None:
            typer.echo(f"would write {bytes_in_words(row['bytes'])}, like {row['like']}")
            continue
        counts = row["summary"]
        copied = "".join(f", {number} copied from {name}" for name, number in counts["copied"].items())
        straight = f", {counts['straight']} of {counts['slerped']} in a straight line" if "slerped" in counts else ""
        typer.echo(
            f"{row['out']}: {bytes_in_words(row['bytes'])} in {row['seconds']:.1f} s, like {row['like']};"
            f" {counts['computed']} tensors computed{copied}{straight}"
        )


def _cores() -> int:
    """Cores that this process may use; macOS knows only how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A process that is told to end cleans up first."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
