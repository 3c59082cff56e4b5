"""The profiles parse, and moving a built experiment to another machine makes nothing stale."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import REPOSITORY, run_snakemake

PROFILES = sorted(path.name for path in (REPOSITORY / "workflow" / "profiles").iterdir())


def require_executor(profile: str) -> None:
    executor = settings(profile).get("executor")
    if executor and importlib.util.find_spec(f"snakemake_executor_plugin_{executor}") is None:
        pytest.skip(f"needs snakemake-executor-plugin-{executor}, which is not installed")


def settings(profile: str) -> dict[str, object]:
    return yaml.safe_load((REPOSITORY / "workflow" / "profiles" / profile / "profile.yaml").read_text())


def call_in_the_comment(profile: str) -> list[str]:
    """The arguments that the first line of the profile tells the user to give to snakemake."""
    comment = (REPOSITORY / "workflow" / "profiles" / profile / "profile.yaml").read_text().splitlines()[0]
    return comment.partition(": snakemake ")[2].split()


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "default"])
def test_a_profile_loads_and_makes_nothing_stale(smoke: Path, profile: str) -> None:
    require_executor(profile)
    done = run_snakemake(smoke, "-n", *call_in_the_comment(profile))
    assert done.returncode == 0, done.stdout
    assert "Nothing to be done" in done.stdout, done.stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_every_key_of_a_profile_is_an_option_of_snakemake(profile: str) -> None:
    """Also where the plugin is missing: Snakemake would stop at an unknown key."""
    from snakemake.cli import get_argument_parser

    options = set(get_argument_parser()._option_string_actions)
    own = f"{settings(profile).get('executor')}-"
    unknown = [key for key in settings(profile) if f"--{key}" not in options and not key.startswith(own)]
    assert unknown == []


def test_a_grant_of_gpus_reaches_the_stage(smoke: Path) -> None:
    """`gpu=1` on a rule is capped by the profile's limit: 0 by default, and what the gpu profile grants.

    `--profile` would not do: Snakemake lets the settings of profiles/default win over it, and the GPU would idle.
    """
    call = ("results/smoke/models/base@8/manifest.json", "-n", "--printshellcmds", "--forcerun", "pretrain")
    assert '"gpus": 0' in run_snakemake(smoke, *call).stdout
    assert '"gpus": 1' in run_snakemake(smoke, *call, *call_in_the_comment("gpu")).stdout
    assert all("--workflow-profile" in call_in_the_comment(profile) for profile in PROFILES if profile != "default")
