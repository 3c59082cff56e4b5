"""Merging beside mergekit: wall time, peak anonymous memory, speed against `cp`, and whether the results agree.

    python bench/merge.py --mergekit ~/mergekit/bin/mergekit-yaml [--gigabytes 1.0] [--rounds 3] [--threads 2]

mergekit is no dependency of Lineage; it goes into an environment of its own, outside of this repository:

    python3.11 -m venv ~/mergekit && ~/mergekit/bin/pip install mergekit==0.1.5

Random Llama folders in bfloat16 (a base, and two that differ from it by a tenth of its spread), with a tokenizer. Both
commands run as a user runs them, from the start of the process, on files that are in the page cache. mergekit computes
in `dtype: bfloat16`, as its examples do. Peak memory is the largest sum of anonymous pages (RssAnon) of all processes
of a command, looked at every 20 ms: mapped files do not count. `cp` copies the two parents before each round; its
speed varies with what the system has yet to write.

Agreement is measured on outputs of mergekit in float32 (`dtype: float32, out_dtype: bfloat16`): the share of values
that are the same bit for bit, and the largest difference in steps of bfloat16. DARE draws other masks: of it the share
of changed values and their spread are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
import yaml
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from transformers import LlamaConfig

SIZES = {"hidden_size": 2048, "intermediate_size": 5632, "num_attention_heads": 16, "vocab_size": 32000}
SMALL = {"hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8, "vocab_size": 8000}
SMALL_BELOW_GIGABYTES = 0.3
SPREAD, CHANGE = 0.02, 0.002
WEIGHTS, DENSITY = (0.6, 0.4), 0.5
METHODS = {
    "linear": ("linear", []),
    "ties": ("ties", ["--density", str(DENSITY)]),
    "dare": ("dare_linear", ["--density", str(DENSITY), "--rescale", "l1"]),
}
"""{ours: (mergekit's name, our options)}; both mean the same."""
TARGETS = {"linear": 1.5, "ties": 3.0, "dare": 3.0}
MEMORY_TARGET = 1 / 3
COPY_TARGET = 0.5
LOOK_SECONDS = 0.02
ALLOWED_STEPS = 1
"""Steps of bfloat16 between two results that both round once."""
SMALLEST = SPREAD / 100
CANCELLED = 1e-6
"""Share of its terms that a sum of float32 values must leave for its sign to mean something."""


@dataclass
class Measured:
    """One run of one command."""

    seconds: float
    anonymous_bytes: int
    told: str
    """Its standard output."""


def build(folder: Path, gigabytes: float) -> None:
    """Writes `base`, `a` and `b`, of about `gigabytes` each."""
    sizes = SMALL if gigabytes < SMALL_BELOW_GIGABYTES else SIZES
    width, inner, rows = sizes["hidden_size"], sizes["intermediate_size"], sizes["vocab_size"]
    layer = 4 * width * width + 3 * width * inner
    layers = max(1, round((gigabytes * 5e8 - 2 * rows * width) / layer))
    config = LlamaConfig(**sizes, num_hidden_layers=layers, pad_token_id=None, dtype="bfloat16")
    config.architectures = ["LlamaForCausalLM"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (rows, width), "lm_head.weight": (rows, width)}
    for index in range(layers):
        block = f"model.layers.{index}."
        shapes |= {f"{block}self_attn.{name}_proj.weight": (width, width) for name in "qkvo"}
        shapes |= {f"{block}mlp.{name}_proj.weight": (inner, width) for name in ("gate", "up")}
        shapes |= {f"{block}mlp.down_proj.weight": (width, inner)}
        shapes |= {f"{block}{name}_layernorm.weight": (width,) for name in ("input", "post_attention")}
    shapes["model.norm.weight"] = (width,)
    generator = torch.Generator().manual_seed(0)
    base = {name: torch.randn(shape, generator=generator).mul_(SPREAD).bfloat16() for name, shape in shapes.items()}
    for name in ("base", "a", "b"):
        weights = base
        if name != "base":
            weights = {
                key: (one.float() + torch.randn(one.shape, generator=generator) * CHANGE).bfloat16()
                for key, one in base.items()
            }
        target = folder / name
        target.mkdir(parents=True)
        save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
        config.save_pretrained(target)
        words = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"w{index}": index for index in range(3, rows)}
        Tokenizer(models.WordLevel(words, unk_token="<unk>")).save(str(target / "tokenizer.json"))
        settings = '{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "eos_token": "</s>"}'
        (target / "tokenizer_config.json").write_text(settings)


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Runs a command and looks at the memory of its process and all below it."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as complained:
        process = subprocess.Popen(command, env=environment, stdout=told, stderr=complained)
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - begin
        if process.returncode:
            complained.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{complained.read().decode()[-3000:]}")
        told.seek(0)
        return Measured(seconds, peak, told.read().decode())


def anonymous_bytes(pid: int) -> int:
    """RssAnon of a process and its descendants; those that have ended count 0."""
    total = 0
    try:
        tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.Error:
        return 0
    for one in tree:
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
    return total


def ours(folder: Path, method: str, threads: int) -> list[str]:
    """Our command."""
    base = [] if method == "linear" else ["--base", str(folder / "base")]
    return [
        str(Path(sys.executable).parent / "lineage"), "merge", str(folder / "a"), str(folder / "b"), "--method", method,
        "--weights", ",".join(map(str, WEIGHTS)), *METHODS[method][1], *base, "--threads", str(threads),
        "--out", str(folder / "out_ours"), "--json",
    ]  # fmt: skip


def theirs(folder: Path, method: str, mergekit: Path, *, in_float32: bool) -> list[str]:
    """mergekit's command."""
    density = {} if method == "linear" else {"density": DENSITY}
    described = [
        {"model": str(folder / name), "parameters": {"weight": weight, **density}}
        for name, weight in zip("ab", WEIGHTS, strict=True)
    ]
    types = {"dtype": "float32", "out_dtype": "bfloat16"} if in_float32 else {"dtype": "bfloat16"}
    config = {"merge_method": METHODS[method][0], "models": described, **types}
    if method != "linear":
        config["base_model"] = str(folder / "base")
    path = folder / "mergekit.yaml"
    path.write_text(yaml.safe_dump(config))
    return [str(mergekit), str(path), str(folder / "out_theirs"), "--random-seed", "0", "--quiet"]


def run(folder: Path, command: list[str], threads: int) -> Measured:
    """One run into fresh folders; our memory of hashes is fresh too, so that hashing is in the figure."""
    for name in ("out_ours", "out_theirs", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "XDG_CACHE_HOME": str(folder / "cache")}
    return measure(command, environment)


def copy_seconds(folder: Path) -> float:
    """`cp` of the parents `a` and `b`."""
    copies = folder / "copies"
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir()
    begin = time.perf_counter()
    for name in "ab":
        subprocess.run(["cp", folder / name / "model.safetensors", copies / name], check=True)
    seconds = time.perf_counter() - begin
    shutil.rmtree(copies)
    return seconds


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder."""
    weights: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        weights |= load_file(path)
    return weights


def agreement(folder: Path, method: str, mergekit: Path, threads: int) -> str:
    """What `lineage merge` and mergekit in float32 have in common."""
    run(folder, ours(folder, method, threads), threads)
    kept = folder / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    (folder / "out_ours").rename(kept)
    run(folder, theirs(folder, method, mergekit, in_float32=True), threads)
    mine, other, base = weights_of(kept), weights_of(folder / "out_theirs"), weights_of(folder / "base")
    shutil.rmtree(kept)
    if set(mine) != set(other):
        raise SystemExit(f"{method}: the outputs hold other tensors: {sorted(set(mine) ^ set(other))[:5]}")
    if method == "dare":
        spreads = [_change(one, base) for one in (mine, other)]
        if abs(spreads[0][1] / spreads[1][1] - 1) > 0.01 or abs(spreads[0][0] - spreads[1][0]) > 0.01:
            raise SystemExit(f"dare: the changes differ: {spreads}")
        told = [f"{share:.4f} of the values changed by {spread:.3e}" for share, spread in spreads]
        return f"other masks, but {told[0]}, with mergekit {told[1]} (root mean square)"
    count = sum(one.numel() for one in mine.values())
    same = sum(int((mine[name] == other[name]).sum()) for name in mine)
    free = _undetermined(folder, base) if method == "ties" else {}
    decided = {name: ~free[name] if free else torch.ones_like(one, dtype=torch.bool) for name, one in mine.items()}
    steps = max(float(_steps(mine[name], other[name])[decided[name]].max()) for name in mine)
    if steps > ALLOWED_STEPS:
        raise SystemExit(f"{method}: values differ by {steps:.2f} steps of bfloat16")
    num_free = sum(int(one.sum()) for one in free.values())
    but = f", but for the {num_free / count:.2%} where rounding or order decides" if free else ""
    return f"{same / count:.4%} of the values equal, largest difference {steps:.2f} steps of bfloat16{but}"


def _undetermined(folder: Path, base: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Where the definition of TIES leaves a choice: ties at a threshold, or a sum that cancels out but for rounding."""
    parents = [weights_of(folder / name) for name in "ab"]
    found = {}
    for name, start in base.items():
        taus = [one[name].float() - start.float() for one in parents]
        parts = [weight * tau for weight, tau in zip(WEIGHTS, taus, strict=True)]
        cancels = (parts[0] + parts[1]).abs() <= CANCELLED * (parts[0].abs() + parts[1].abs())
        found[name] = _at_threshold(taus[0]) | _at_threshold(taus[1]) | cancels
    return found


def _at_threshold(tau: torch.Tensor) -> torch.Tensor:
    """Where a task vector is as large as the smallest entry that is kept."""
    magnitude = tau.abs()
    keep = max(1, int(DENSITY * tau.numel()))
    return magnitude == magnitude.flatten().sort(descending=True).values[keep - 1]


def _change(weights: dict[str, torch.Tensor], base: dict[str, torch.Tensor]) -> tuple[float, float]:
    """(share of values that are not the base's, root mean square of the change)."""
    changes = [weights[name].float() - base[name].float() for name in base]
    count = sum(one.numel() for one in changes)
    changed = sum(int((one != 0).sum()) for one in changes)
    return changed / count, (sum(float((one * one).sum()) for one in changes) / count) ** 0.5


def _steps(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Differences, in steps of bfloat16 at the size of the values; smaller values than SMALLEST count as it.

    Where parents cancel out, next to nothing is left but the float32 rounding of both.
    """
    one, other = first.float(), second.float()
    step = torch.maximum(one.abs(), other.abs()).clamp_min_(SMALLEST) * 2**-7
    return (one - other).abs() / step


def compare(folder: Path, method: str, mergekit: Path, rounds: int, threads: int) -> list[str]:
    """Prints one method's figures; returns what misses its target."""
    mine, other, copied = [], [], []
    for _ in range(rounds):
        copied.append(copy_seconds(folder))
        mine.append(run(folder, ours(folder, method, threads), threads))
        other.append(run(folder, theirs(folder, method, mergekit, in_float32=False), threads))
    seconds, other_seconds = (statistics.median(one.seconds for one in runs) for runs in (mine, other))
    memory, other_memory = (max(one.anonymous_bytes for one in runs) for runs in (mine, other))
    ratio, share, copying = other_seconds / seconds, memory / other_memory, statistics.median(copied)
    work = statistics.median(json.loads(one.told)[0]["seconds"] for one in mine)
    print(
        f"{method}: ours {seconds:.2f} s ({work:.2f} s without start and checks), {memory / 1e9:.2f} GB; mergekit"
        f" {other_seconds:.2f} s, {other_memory / 1e9:.2f} GB: {ratio:.1f} times as fast, {share:.2f} of the memory.\n"
        f"  cp of both parents {copying:.2f} s: {copying / seconds:.2f} of its speed, {copying / work:.2f} without the"
        " start"
    )
    print(f"  {agreement(folder, method, mergekit, threads)}", flush=True)
    missed = [f"{method}: {ratio:.2f} times as fast, {TARGETS[method]} wanted"] if ratio < TARGETS[method] else []
    missed += [f"{method}: {share:.2f} of the memory, a third wanted"] if share > MEMORY_TARGET else []
    if method == "linear" and copying / seconds < COPY_TARGET:
        missed.append(f"linear: {copying / seconds:.2f} of the speed of cp, {COPY_TARGET} wanted")
    return missed


def main() -> None:
    """Builds the folders, prints a line a method, and says which targets are missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mergekit", type=Path, required=True, help="path of mergekit-yaml")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of each folder (default 1.0)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="lineage-merge-") as temporary:
        folder = Path(temporary)
        build(folder, arguments.gigabytes)
        size = (folder / "a" / "model.safetensors").stat().st_size
        print(f"three folders of {size / 1e9:.2f} GB, {arguments.threads} threads", flush=True)
        missed = [
            line
            for method in arguments.methods
            for line in compare(folder, method, arguments.mergekit, arguments.rounds, arguments.threads)
        ]
    print("\n".join(missed) if missed else "all targets are met")


if __name__ == "__main__":
    main()
