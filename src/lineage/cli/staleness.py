"""Which artifacts the plan would build anew, and why: each manifest against config, code, inputs and external files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Literal

from lineage.artifact import Manifest
from lineage.cli.display import MISSING, differences, short
from lineage.cli.inventory import Found
from lineage.cli.project import Project
from lineage.errors import UserError
from lineage.external import digest
from lineage.freshness import PACKAGE, code_fingerprint, job_fingerprint
from lineage.plan import Job

State = Literal["whole", "stale", "partial", "missing", "unreferenced"]
ReasonKind = Literal["missing", "damaged", "stage", "spec", "code", "package", "data", "input", "external"]


@dataclass(frozen=True)
class Reason:
    """One thing that makes an artifact stale."""

    kind: ReasonKind
    key: str
    """Dotted key of the spec, module, package, or role of the input."""
    old: Any
    """What the manifest holds; `(none)` where it has no such key."""
    new: Any
    """What the plan asks for now; `(none)` where it has no such key."""
    text: str
    """The reason in words."""


@dataclass(frozen=True)
class Verdict:
    """What would happen to one artifact, and why."""

    artifact: str
    state: State
    reasons: list[Reason] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """`{"artifact", "state", "reasons": [{"kind", "key", "old", "new", "text"}]}`."""
        return asdict(self)


def judge(project: Project) -> dict[str, Verdict]:
    """A verdict on every artifact that is planned or found, parents before children.

    `whole`: nothing to do; `stale`: planned otherwise than it was built; `partial`: half-written or damaged; `missing`:
    planned, never built; `unreferenced`: whole, but no longer in the plan (never said without a plan).
    """
    verdicts: dict[str, Verdict] = {}
    for name, job in project.plan.items():
        found = project.inventory.found.get(name)
        if found is None:
            verdicts[name] = _not_built(project, name)
        elif found.manifest is None or found.problem is not None:
            verdicts[name] = _damaged(found)
        else:
            reasons = [*_own_reasons(project, job, found.manifest), *_input_reasons(project, job, found, verdicts)]
            verdicts[name] = Verdict(name, "stale" if reasons else "whole", reasons)
    for found in project.inventory.ordered(project.plan):
        if found.name not in verdicts:
            rest: State = "unreferenced" if project.experiment is not None else "whole"
            verdicts[found.name] = _damaged(found) if found.problem else Verdict(found.name, rest)
    for name in project.inventory.partial:
        verdicts.setdefault(name, _not_built(project, name))
    return verdicts


def fingerprint(project: Project, job: Job, verdicts: dict[str, Verdict]) -> str | None:
    """Name of the folder in which `job` would look for resume state now; None while its inputs are not built."""
    parents = [parent for folders in job.inputs.values() for parent in folders]
    if any(verdicts[parent].state != "whole" for parent in parents):
        return None
    inputs: dict[str, str | list[str]] = {}
    for role, folders in job.inputs.items():
        digests = [project.inventory.found[folder].digest for folder in folders]
        if digests:
            inputs[role] = digests[0] if len(digests) == 1 else digests
    try:
        inputs |= {role: digest(path) for role, path in job.external.items()}
    except UserError:
        return None  # The files are away for now; the state must outlive that.
    return job_fingerprint(json.loads(job.spec), _current_code(project, job.stage), inputs)


def _not_built(project: Project, name: str) -> Verdict:
    half = name in project.inventory.partial
    text = "is half-written: a job is running, or was killed" if half else "is not built yet"
    return Verdict(name, "partial" if half else "missing", [Reason("missing", name, None, None, text)])


def _damaged(found: Found) -> Verdict:
    problem = found.problem or "manifest.json cannot be read"
    return Verdict(found.name, "partial", [Reason("damaged", found.name, None, None, f"is damaged: {problem}")])


def _own_reasons(project: Project, job: Job, manifest: Manifest) -> Iterator[Reason]:
    """Differences in stage, spec, code and external files."""
    if manifest.stage != job.stage:
        yield Reason("stage", "stage", manifest.stage, job.stage, f"stage {manifest.stage} -> {job.stage}")
    for key, (old, new) in differences(manifest.spec, json.loads(job.spec)).items():
        yield Reason("spec", key, old, new, f"spec {key} {_change(old, new)}")
    yield from _code_reasons(manifest.code, _current_code(project, job.stage))
    for role, path in job.external.items():
        old = manifest.inputs.get(role)
        try:
            new = digest(path)
        except UserError as error:
            yield Reason("external", role, old, None, f"external {role}: {error}")
            continue
        if new != old:
            yield Reason("external", role, old, new, f"external {role}: the content of {path} changed")


def _code_reasons(old: dict[str, str], new: dict[str, str]) -> Iterator[Reason]:
    if bool(old) != bool(new):
        words = {True: "tracked", False: "not tracked"}
        yield Reason(
            "code", "track_code", bool(old), bool(new), f"code was {words[bool(old)]} and now is {words[bool(new)]}"
        )
        return
    for key, (before, after) in differences(old, new).items():
        kind: ReasonKind = "data" if "/" in key else "code" if key.partition(".")[0] == PACKAGE else "package"
        if kind == "package":
            label = key if key in ("python", "contract") else f"package {key}"
            yield Reason(kind, key, before, after, f"{label} {_change(before, after)}")
            continue
        verb = "is new" if before == MISSING else "is no longer used" if after == MISSING else "changed"
        yield Reason(kind, key, before, after, f"{'code' if kind == 'code' else 'package data'} {key} {verb}")


def _input_reasons(project: Project, job: Job, found: Found, verdicts: dict[str, Verdict]) -> Iterator[Reason]:
    """Inputs that are missing or stale themselves, were rebuilt with other content, or are others than planned."""
    recorded = {role: digests for role, digests in found.input_digests().items() if role not in job.external}
    planned = {role: folders for role, folders in job.inputs.items() if folders}
    for role in sorted(recorded.keys() - planned.keys()):
        yield Reason("input", role, recorded[role], None, f"input {role} is no longer read")
    for role, folders in planned.items():
        old = recorded.get(role, [])
        pending = [folder for folder in folders if verdicts[folder].state != "whole"]
        for folder in pending:
            yield Reason("input", role, old, None, f"input {role}: {folder} is {verdicts[folder].state}")
        new = [present.digest for folder in folders if (present := project.inventory.found.get(folder)) is not None]
        if pending or new == old:
            continue
        for folder, digest_now in zip(folders, new, strict=True):
            if not old:
                yield Reason("input", role, old, digest_now, f"input {role}: {folder} is read now, and was not")
            elif digest_now not in old:
                yield Reason(
                    "input", role, old, digest_now, f"input {role}: {folder} has other content than at that time"
                )
        if old and all(one in old for one in new):
            yield Reason(
                "input", role, old, new, f"input {role}: another set or order of artifacts ({len(old)} -> {len(new)})"
            )


def _current_code(project: Project, stage: str) -> dict[str, str]:
    tracked = project.experiment is None or project.experiment.track_code
    return code_of_stage(stage) if tracked else {}


@lru_cache
def code_of_stage(stage: str) -> dict[str, str]:
    """The present fingerprint of a stage's code; read once a process, as the rules do."""
    return code_fingerprint(stage)


def _change(old: Any, new: Any) -> str:
    return f"{short(old)} -> {short(new)}"
