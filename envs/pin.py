"""Writes the exact versions of what is installed now: cpu.txt, gpu.txt, dev.txt and lineage.yaml (`make pins`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

FOLDER = Path(__file__).parent
Pins = dict[str, str]


def closure(requirements: Iterable[str]) -> Pins:
    """{name: version} of the requirements and of everything that they need on this platform."""
    found: Pins = {}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    todo: list[tuple[Requirement, tuple[str, ...]]] = [(Requirement(one), ()) for one in requirements]
    while todo:
        requirement, extras = todo.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        key = (name, tuple(sorted(requirement.extras)))
        if key in seen:
            continue
        seen.add(key)
        distribution = metadata.distribution(requirement.name)
        found[name] = distribution.version.partition("+")[0]
        todo.extend((Requirement(one), key[1]) for one in distribution.requires or [])
    return found


def lines(pins: Pins) -> str:
    """One `name==version` a line, sorted."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def main() -> None:
    """Reads pyproject.toml and writes the four files beside this one."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    cpu = closure([*project["dependencies"], *extras["cpu"]])
    dev = {name: version for name, version in closure(extras["dev"]).items() if name not in cpu}
    gpu = {("faiss-gpu" if name == "faiss-cpu" else name): version for name, version in cpu.items()}
    made = "Made by `make pins`.\n"
    (FOLDER / "cpu.txt").write_text(f"# Exact versions of all that lineage imports, on a CPU. {made}{lines(cpu)}")
    (FOLDER / "gpu.txt").write_text(f"# The same on an NVIDIA GPU; torch brings its own CUDA. {made}{lines(gpu)}")
    (FOLDER / "dev.txt").write_text(f"# Development tools on top of cpu.txt. {made}-r cpu.txt\n{lines(dev)}")
    conda = "channels:\n  - conda-forge\n  - nodefaults\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
    listed = "".join(f"      - {line}\n" for line in lines(cpu).splitlines())
    (FOLDER / "lineage.yaml").write_text(f"# For `snakemake --sdm conda`. {made}{conda}{listed}")


if __name__ == "__main__":
    main()
