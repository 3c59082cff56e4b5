"""What a command works on: the config of this folder, its plan, and the results of one experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lineage.artifact import MANIFEST
from lineage.cli.inventory import Found, Inventory, match_name, natural, take_inventory
from lineage.config.experiment import Experiment
from lineage.config.load import overlay, read_yaml, validate
from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError
from lineage.plan import Plan, make_plan

DEFAULT_CONFIG = Path("config.yaml")
DEFAULT_RESULTS = "results"


@dataclass(frozen=True)
class Project:
    """One experiment: what the config plans, and where its artifacts lie."""

    root: Path
    """`results/<experiment>`."""
    experiment: Experiment | None
    """None where no config describes `root`: artifacts can be shown, but not compared with a plan."""
    plan: Plan

    @cached_property
    def inventory(self) -> Inventory:
        """The artifacts on disk."""
        return take_inventory(self.root)

    @property
    def known(self) -> list[str]:
        """Every artifact that is planned or found."""
        return [*self.plan, *sorted(set(self.inventory.found) - set(self.plan), key=natural)]

    def name(self, target: str) -> str:
        """The artifact that a user means; it need not be built.

        Raises:
            UserError: nothing or several artifacts match.
        """
        return match_name(target, self.known, root=self.root, preferred=self.plan)

    def find(self, target: str) -> Found:
        """The built artifact that a user means; a path may lead out of this experiment.

        Raises:
            UserError: it is unknown, or not built.
        """
        path = Path(target)
        folder = path.parent if path.name == MANIFEST else path
        if (folder / MANIFEST).is_file() and not folder.resolve().is_relative_to(self.root.resolve()):
            return Found.read(folder.as_posix(), folder)
        name = self.name(target)
        if name not in self.inventory.found:
            raise UserError(f"{name} is not built.\n  Build it: snakemake {self.root / name / MANIFEST}")
        return self.inventory.found[name]

    def required_plan(self) -> Plan:
        """The plan.

        Raises:
            UserError: no config describes these results.
        """
        if self.experiment is None:
            raise UserError(
                f"{self.root}: no config here describes these results.\n"
                "  Run this in the folder of your Snakefile, or name the overlays of this experiment: --configfile PATH"
            )
        return self.plan


def config_files(overlays: Sequence[Path] | None) -> list[Path]:
    """config.yaml of this folder first, then the overlays: the order in which Snakemake merges them."""
    first = [DEFAULT_CONFIG] if DEFAULT_CONFIG.is_file() else []
    return [*first, *(overlays or [])]


def read_experiment(files: Sequence[Path], settings: Sequence[str] | None) -> Experiment:
    """The experiment of these files, with `KEY=VALUE` settings laid over them, as `snakemake --config` does.

    Raises:
        UserError: a file or a setting that cannot be read, or mistakes in the config.
    """
    raw: dict[str, Any] = {}
    for path in files:
        raw = overlay(raw, read_yaml(path))
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--config is '{setting}': write KEY=VALUE, for example data_root=/data.")
        try:
            raw = overlay(raw, {key: yaml.safe_load(value)})
        except yaml.YAMLError as error:
            raise UserError(f"--config {key}: {value!r} is not valid YAML: {error}") from error
    return validate(raw, files)


def open_project(
    overlays: Sequence[Path] | None, settings: Sequence[str] | None, results: Path | None, name: str | None
) -> Project:
    """Reads the config, where there is one, and finds the results folder of the experiment.

    Without a config, or with a `name` that is not the config's, what lies under the results folder decides.

    Raises:
        UserError: mistakes in the config; an experiment that is not there; none named and several there.
    """
    files = config_files(overlays)
    experiment = read_experiment(files, settings) if files or settings else None
    base = results or Path(experiment.pathvars.get("results", DEFAULT_RESULTS) if experiment else DEFAULT_RESULTS)
    if experiment is not None and name in (None, experiment.experiment):
        return Project(base / experiment.experiment, experiment, make_plan(experiment))
    present = sorted(folder.name for folder in base.iterdir() if folder.is_dir()) if base.is_dir() else []
    if name is None and len(present) == 1:
        name = present[0]
    if name is None:
        raise UserError(
            f"no config.yaml in this folder, and {base}/ holds {len(present)} experiments: {listed(present)}.\n"
            "  Choose one with --experiment NAME, or run this in the folder of your Snakefile."
        )
    if name not in present:
        raise UserError(
            f"--experiment is '{name}': no such folder in {base}/.{did_you_mean(name, present)}\n"
            f"  there: {listed(present)}"
        )
    return Project(base / name, None, {})
