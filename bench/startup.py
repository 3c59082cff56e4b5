"""Seconds from the start of the process to the first line of each stage's work, and what they are spent on.

    python bench/startup.py [--repeat 5]

Each stage is called as a rule calls it, but stopped where its function begins: interpreter, imports, checks of spec and
lock are in the figure, its work is not. The peer of every figure is an empty interpreter, and for stages with tensors
`import torch` and one transformers model class, which no such stage can do without. Medians of fresh processes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEERS = {
    "empty interpreter": "pass",
    "import pyarrow.parquet": "import pyarrow.parquet",
    "import torch": "import torch",
    "import torch and LlamaForCausalLM": "import torch; from transformers import LlamaForCausalLM",
}
IMPORT_STAGE = "from lineage.stage import stage_function; stage_function({stage!r})"
LIMIT_WITHOUT_TENSORS_SECONDS = 1.0


def seconds(code: str, repeat: int) -> float:
    """Median wall time of a fresh interpreter that runs `code`; one run before it fills the file cache."""
    measured = []
    for _ in range(repeat + 1):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        measured.append(time.perf_counter() - begin)
    return statistics.median(measured[1:])


def imports_torch(stage: str) -> bool:
    """Whether the stage brings torch into its process."""
    code = IMPORT_STAGE.format(stage=stage) + "; import sys; sys.exit('torch' in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 1


def main() -> None:
    """Prints one row a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="fresh processes a figure (default 5)")
    repeat = parser.parse_args().repeat
    import lineage.stages

    stages = sorted(path.stem for path in Path(lineage.stages.__path__[0]).glob("[a-z]*.py"))
    for name, code in PEERS.items():
        print(f"{name:36} {seconds(code, repeat):6.2f} s", flush=True)
    for stage in stages:
        taken = seconds(IMPORT_STAGE.format(stage=stage), repeat)
        tensors = imports_torch(stage)
        note = "with tensors" if tensors else "ok" if taken < LIMIT_WITHOUT_TENSORS_SECONDS else "OVER 1 s"
        print(f"{stage:36} {taken:6.2f} s  {note}", flush=True)


if __name__ == "__main__":
    main()
