"""Merge models weight by weight into a new one."""

from __future__ import annotations

from pathlib import Path

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.merging import Merge
from lineage.merging.folder import summary, write_merge
from lineage.merging.plan import make_plan


def merge(
    config: Merge,
    *,
    parents: list[Artifact],
    base: Artifact | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes a Hugging Face folder and `merge.json`; `parents` come in the order of `config.models`.

    Raises:
        UserError: parents that do not fit together, or whose weights cannot be merged.
    """
    out.kind = "model"
    artifacts = [*parents, *([] if base is None else [base])]
    plan = make_plan(config, [one.folder for one in parents], None if base is None else base.folder)
    out.reserve(plan.num_bytes)
    hashes = {one.folder / name: entry.sha256 for one in artifacts for name, entry in one.manifest.files.items()}

    def digest(path: Path) -> str:
        return hashes[path]

    facts = write_merge(plan, out.folder, threads=execution.threads, digest=digest)
    out.counts |= {
        "parameters": sum(one.owner.num_elements for one in plan.tensors),
        "model_type": plan.owner.settings.config["model_type"],
        "tensors": len(plan.tensors),
        "computed_tensors": summary(facts)["computed"],
    }
