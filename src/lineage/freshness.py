"""What a stage's result depends on besides its inputs: its canonical spec, and the code that it runs.

The fingerprint of a stage's code is a map {module: hash} over its static import closure inside `lineage`. Hashes are
over the syntax tree without docstrings, comments and layout, so that rewording or reformatting makes nothing stale.
Plumbing (how a stage is called and how its files are written) counts by `artifact.FORMAT` alone: a changed error
message must not retrain a model.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lineage.artifact import FORMAT, file_sha256

PACKAGE = "lineage"
PACKAGE_ROOT = Path(__file__).parent

PLUMBING = frozenset(
    f"{PACKAGE}{name}"
    for name in (
        "", ".artifact", ".config", ".config.base", ".config.execution", ".config.messages", ".devices", ".errors",
        ".freshness", ".progress", ".stage", ".stages",
    )
)  # fmt: skip
"""Modules that decide how a stage is called and how its files are written, never what is in them."""

DISTRIBUTIONS = {
    "yaml": "PyYAML",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "faiss": "faiss-cpu",
    "vl_convert": "vl-convert-python",
}
"""Import names whose distribution is called otherwise."""


def canonical(spec: BaseModel | dict[str, Any]) -> str:
    """One string for one spec, whatever the order of its keys: what Snakemake compares.

    >>> canonical({"b": 1, "a": 2.0})
    '{"a":2.0,"b":1}'
    """
    fields = spec.model_dump(mode="json") if isinstance(spec, BaseModel) else spec
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def job_fingerprint(spec: dict[str, Any], code: dict[str, str], inputs: dict[str, str | list[str]]) -> str:
    """What one job computes, in 16 hex digits: resume state is kept under it, so that no other job takes it up."""
    return hashlib.sha256(canonical({"spec": spec, "code": code, "inputs": inputs}).encode()).hexdigest()[:16]


def code_fingerprint(stage: str, root: Path | None = None) -> dict[str, str]:
    """`{module: hash}` of what the stage can run of `lineage`, and the versions of the packages that it imports.

    `root` is the folder of the package (a copy in tests).
    """
    return module_fingerprint(f"{PACKAGE}.stages.{stage}", root)


def module_fingerprint(start: str, root: Path | None = None) -> dict[str, str]:
    """The same of one module, such as `lineage.evaluation.generation`: for what a stage keeps beyond its own code.

    `root` is the folder of the package (a copy in tests). Package data (any file that is not Python, beside a module of
    the closure) counts too.
    """
    root = root or PACKAGE_ROOT
    fingerprint: dict[str, str] = {"contract": str(FORMAT), "python": _minor(platform.python_version())}
    folders: set[Path] = set()
    for module, path in sorted(_closure(start, root).items()):
        parsed = _parse(path, path.stat().st_mtime_ns, path.stat().st_size)
        if module not in PLUMBING:
            fingerprint[module] = parsed.digest
            folders.add(path.parent)
        for package in parsed.third_party:
            version = _installed_version(package)
            if version:
                fingerprint[package] = version
    for folder in folders - {root}:
        for data in _package_data(folder):
            fingerprint[str(data.relative_to(root.parent))] = file_sha256(data)[:16]
    return fingerprint


class _Parsed:
    """The parts of one source file that the fingerprint needs."""

    def __init__(self, source: str, filename: str):
        tree = ast.parse(source, filename)
        self.imports = list(_imports(tree))
        roots = {module.partition(".")[0] for module, level, _ in self.imports if level == 0}
        self.third_party = sorted(roots - {PACKAGE, "__future__"} - sys.stdlib_module_names)
        self.digest = hashlib.sha256(ast.dump(_strip(tree)).encode()).hexdigest()[:16]


@lru_cache(maxsize=1024)
def _parse(path: Path, _mtime_ns: int, _size: int) -> _Parsed:
    return _Parsed(path.read_text(encoding="utf-8"), str(path))


def _closure(start: str, root: Path) -> dict[str, Path]:
    """Modules of the package that `start` imports, directly or not, with their files."""
    found: dict[str, Path] = {}
    todo = [start]
    while todo:
        module = todo.pop()
        path = _module_path(module, root)
        if path is None or module in found:
            continue
        found[module] = path
        if module in PLUMBING and module != PACKAGE:
            continue
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        todo.extend(_ancestors(module))
        for name, level, members in _parse(path, path.stat().st_mtime_ns, path.stat().st_size).imports:
            base = _absolute(name, level, package)
            if base == PACKAGE or base.startswith(PACKAGE + "."):
                todo.append(base)
                todo.extend(f"{base}.{member}" for member in members)
                todo.extend(_ancestors(base))
    if start not in found:
        raise ModuleNotFoundError(f"no module {start} under {root}")
    return found


def _ancestors(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _module_path(module: str, root: Path) -> Path | None:
    base = root.joinpath(*module.split(".")[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _absolute(name: str, level: int, package: str) -> str:
    if level == 0:
        return name
    parents = package.split(".")[: len(package.split(".")) - (level - 1)]
    return ".".join([*parents, name] if name else parents)


def _imports(tree: ast.Module) -> Iterator[tuple[str, int, list[str]]]:
    """(module, relative level, imported members) of each import that runs; those under TYPE_CHECKING do not."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, [alias.name for alias in node.names]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo.extend(node.orelse)
        else:
            todo.extend(_inside(node))


def _strip(tree: ast.Module) -> ast.Module:
    """The tree without bare strings: docstrings of modules, classes, functions and attributes."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                kept = [statement for statement in block if not _is_bare_string(statement)]
                setattr(node, name, kept)
        todo.extend(_inside(node))
    return tree


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Statements, exception handlers and cases of a block; expressions hold neither imports nor blocks."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield from block


def _is_bare_string(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _package_data(folder: Path) -> Iterator[Path]:
    """Files beside a module and in folders of data below it; a package below it has its own, which its modules need."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from _package_data(path)
        elif path.is_file() and path.suffix not in (".py", ".pyc", ".pyi"):
            yield path


@lru_cache(maxsize=256)
def _installed_version(package: str) -> str | None:
    try:
        return _minor(metadata.version(DISTRIBUTIONS.get(package, package)))
    except metadata.PackageNotFoundError:
        return None


def _minor(version: str) -> str:
    """Major and minor without local suffix: `2.13.0+cpu` is `2.13`."""
    return ".".join(version.partition("+")[0].split(".")[:2])
