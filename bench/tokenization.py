"""Tokens per second and peak memory of reading and tokenizing a large text file, each stage in its own process.

    python bench/tokenization.py --megabytes 2000

Not called `tokenize.py`: scripts of this folder would then import it in place of Python's own module `tokenize`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PEOPLE = (
    "Ada",
    "Bela",
    "Carlo",
    "Dunja",
    "Edith",
    "Farid",
    "Greta",
    "Hamid",
    "Ines",
    "Jonas",
    "Keiko",
    "Lamine",
    "Noor",
)
PLACES = ("Almer", "Brint", "Corvale", "Dunmoor", "Eskel", "Farrow", "Grenholm", "Hadley", "Jarrow", "Kelby", "Norwold")
THINGS = ("bridge", "mill", "orchard", "library", "ferry", "tower", "market", "school", "garden", "harbour", "museum")
DEEDS = ("repaired", "painted", "bought", "sold", "measured", "visited", "described", "inherited", "rented", "closed")
TIMES = ("in spring", "at dawn", "after the flood", "before the war", "last winter", "on a Sunday", "without a permit")
SHAPES = (
    "{a} {deed} the {thing} of {place} {time}.",
    "The {thing} in {place} was {deed} by {a} and {b} {time}.",
    "When {a} came to {place}, {b} had already {deed} the {thing}.",
    "In {year} nobody in {place} knew that {a} had {deed} the old {thing}.",
    "It took {number} days until {a} {deed} the {thing} near {place}.",
)
NUM_SENTENCES = 100_000
SENTENCES_A_LINE = (1, 2, 2, 3, 4)


def main() -> None:
    """Generates the file, runs the stages, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2000, help="size of the text file (10^6 bytes)")
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder otherwise, removed at the end")
    given = parser.parse_args()
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        measure(given.folder, given.megabytes, given.vocab_size)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given.megabytes, given.vocab_size)


def measure(folder: Path, megabytes: int, vocab_size: int) -> None:
    """Reads and tokenizes `megabytes` of generated lines below `folder`."""
    sample, text = folder / "sample.txt", folder / "text.txt"
    write_lines(sample, num_bytes=min(megabytes, 10) * 10**6, seed=1)
    write_lines(text, num_bytes=megabytes * 10**6, seed=2)
    reading = {"reader": "text", "split": "line"}
    few = run_stage("documents", folder / "few", spec=reading, external={"source": str(sample)})
    made = run_stage("tokenizer", folder / "tokenizer", spec={"vocab_size": vocab_size}, inputs={"corpus": few})
    read = run_stage("documents", folder / "documents", spec=reading, external={"source": str(text)})
    tokens = run_stage("tokens", folder / "tokens", spec={}, inputs={"corpus": read, "tokenizer": made})
    size = text.stat().st_size
    sys.stdout.write(f"\n{size:,} bytes of text\n{'stage':<12}{'seconds':>9}{'MB/s':>8}{'peak MB':>9}\n")
    for name, artifact in (("documents", read), ("tokens", tokens)):
        facts = load(artifact / "run.json")
        seconds, peak = facts["seconds"], facts["peak_memory_bytes"]
        sys.stdout.write(f"{name:<12}{seconds:>9.1f}{size / seconds / 1e6:>8.1f}{peak / 1e6:>9.0f}\n")
    counts, seconds = load(tokens / "manifest.json")["counts"], load(tokens / "run.json")["seconds"]
    sys.stdout.write(
        f"{counts['documents']:,} documents, {counts['tokens']:,} tokens, {counts['tokens'] / seconds:,.0f} tokens/s\n"
    )


def run_stage(
    stage: str,
    folder: Path,
    *,
    spec: dict[str, Any],
    inputs: dict[str, Path] | None = None,
    external: dict[str, str] | None = None,
) -> Path:
    """Runs one stage as the workflow does; the folder of its artifact."""
    command = [sys.executable, "-m", "lineage.stage", stage, "--spec", json.dumps(spec)]
    command += ["--external", json.dumps(external or {}), "--out", str(folder / "manifest.json")]
    for name, artifact in (inputs or {}).items():
        command += ["--input", name, str(artifact / "manifest.json")]
    subprocess.run(command, check=True)
    return folder


def write_lines(path: Path, *, num_bytes: int, seed: int) -> None:
    """Writes readable lines of one to four sentences until the file has `num_bytes`."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for lines in blocks(random.Random(seed)):
            file.write(lines)
            written += len(lines)
            if written >= num_bytes:
                return


def blocks(draw: random.Random) -> Iterator[str]:
    """Blocks of lines without end; every line has its number, so no two are equal."""
    sentences = [sentence(draw) for _ in range(NUM_SENTENCES)]
    number = 0
    while True:
        lines = []
        for length in draw.choices(SENTENCES_A_LINE, k=1000):
            number += 1
            lines.append(f"{number}. {' '.join(draw.choices(sentences, k=length))}\n")
        yield "".join(lines)


def sentence(draw: random.Random) -> str:
    """One English sentence."""
    return draw.choice(SHAPES).format(
        a=draw.choice(PEOPLE),
        b=draw.choice(PEOPLE),
        deed=draw.choice(DEEDS),
        thing=draw.choice(THINGS),
        place=draw.choice(PLACES),
        time=draw.choice(TIMES),
        year=draw.randrange(1500, 2000),
        number=draw.randrange(2, 500),
    )


def load(path: Path) -> dict[str, Any]:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
