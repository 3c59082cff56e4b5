"""Every rule says to its stage exactly what the stage takes, and all rules are written alike."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import REPOSITORY, SMOKE, copy_workflow, run_snakemake

STAGES = REPOSITORY / "src" / "lineage" / "stages"
RULE_FILES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
KEYWORDS = (
    "input", "output", "log", "benchmark", "params", "wildcard_constraints", "threads", "resources", "retries", "conda",
    "shell",
)  # fmt: skip
"""The order of a rule's keywords."""
REQUIRED = {"output", "log", "benchmark", "params", "threads", "resources", "conda", "shell"}


@dataclass
class Rule:
    """One rule as it is written."""

    name: str
    file: str
    text: str
    keywords: list[str] = field(default_factory=list)

    def block(self, keyword: str) -> str:
        """What stands below one keyword; empty without it."""
        found = re.search(rf"^    {keyword}:(.*?)(?=^    \w+:|\Z)", self.text, re.MULTILINE | re.DOTALL)
        return found.group(1) if found else ""

    def names(self, keyword: str) -> set[str]:
        return set(re.findall(r"^        (\w+)=", self.block(keyword), re.MULTILINE))

    @property
    def command(self) -> str:
        """The shell command: its string literals put together."""
        return "".join(re.findall(r'"([^"]*)"', self.block("shell")))


def read_rules(files: list[Path]) -> dict[str, Rule]:
    rules = {}
    for file in files:
        for found in re.finditer(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", file.read_text(), re.MULTILINE | re.DOTALL):
            name, text = found.groups()
            rules[name] = Rule(name, file.name, text, re.findall(r"^    (\w+):", text, re.MULTILINE))
    return rules


RULES = read_rules(RULE_FILES)


def parameters(stage: str) -> dict[str, str]:
    """Keyword-only parameters of the stage's function and their annotations, read without importing torch."""
    tree = ast.parse((STAGES / f"{stage}.py").read_text())
    [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == stage]
    assert [argument.arg for argument in function.args.args] == ["config"]
    return {
        argument.arg: ast.unparse(argument.annotation or ast.Constant(None)) for argument in function.args.kwonlyargs
    }


def inputs_of(stage: str) -> set[str]:
    return {name for name, annotation in parameters(stage).items() if re.search(r"\bArtifact\b", annotation)}


def externals_of(stage: str) -> set[str]:
    return {name for name, annotation in parameters(stage).items() if re.search(r"\bPath\b", annotation)}


def test_every_stage_has_a_rule_and_every_rule_a_stage() -> None:
    assert set(RULES) == {path.stem for path in STAGES.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_gives_what_its_stage_takes(name: str) -> None:
    rule = RULES[name]
    assert rule.names("input") == inputs_of(name)
    assert set(parameters(name)) - inputs_of(name) - externals_of(name) <= {"execution", "out"}
    assert {"spec", "code", "execution", "state"} <= rule.names("params")
    takes_files = bool(externals_of(name))
    assert ("external" in rule.names("params")) == takes_files
    assert ("external_digests" in rule.names("params")) == takes_files


@pytest.mark.parametrize("name", RULES)
def test_a_command_passes_on_every_input_and_param_quoted(name: str) -> None:
    rule = RULES[name]
    assert rule.command.startswith(f"python -m lineage.stage {name} ")
    assert re.findall(r"--input (\w+) \{input\.(\w+):q\}", rule.command) == [
        (one, one) for one in re.findall(r"--input (\w+)", rule.command)
    ]
    assert set(re.findall(r"--input (\w+)", rule.command)) == inputs_of(name)
    passed = re.findall(r"--([\w-]+) \{params\.(\w+):q\}", rule.command)
    assert [option.replace("-", "_") for option, _ in passed] == [param for _, param in passed]
    assert {param for _, param in passed} == rule.names("params")
    assert not re.findall(r"\{[^}]*(?<!:q)\}", rule.command), "quote with :q"
    manifest = "output.manifest" if rule.names("output") else "output"
    assert rule.command.endswith(f"--out {{{manifest}:q}} &> {{log:q}}")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_written_like_the_others(name: str) -> None:
    rule = RULES[name]
    assert re.match(r'    "[A-Z].*\."\n', rule.text), "begins with a docstring of one sentence"
    assert set(rule.keywords) >= REQUIRED
    assert rule.keywords == [keyword for keyword in KEYWORDS if keyword in rule.keywords]
    output = re.findall(r'"(.*)"', rule.block("output"))
    stem = output[0].removeprefix("<results>/").removesuffix("/manifest.json")
    assert output[0] == f"<results>/{stem}/manifest.json", "the manifest first"
    assert len(output) == 1 or "report(" in rule.block("output"), "other outputs are for `snakemake --report`"
    assert re.findall(r'"(.*)"', rule.block("log")) == [f"<logs>/{stem}.log"]
    assert re.findall(r'"(.*)"', rule.block("benchmark")) == [f"<benchmarks>/{stem}.jsonl"]
    assert rule.names("wildcard_constraints") == set(re.findall(r"\{(\w+)\}", stem)), "every wildcard is constrained"


def test_helpers_stand_in_common_only() -> None:
    assert [file.name for file in RULE_FILES if re.search(r"^\s*(def|import|from) ", file.read_text(), re.M)] == [
        "common.smk"
    ]


def test_the_rules_are_formatted() -> None:
    """snakefmt reads the order of keywords from pyproject.toml, so it holds the same order as KEYWORDS here."""
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_snakemake_finds_nothing_to_lint() -> None:
    done = run_snakemake(REPOSITORY, "--lint", config=())
    assert done.returncode == 0, done.stdout
    assert "good condition" in done.stdout and "Lints for" not in done.stdout, done.stdout


def test_runs_of_the_study_take_threads_of_their_own(tmp_path: Path) -> None:
    """Two of them then share two cores, where a job that pretrains takes both."""
    clone = copy_workflow(tmp_path / "clone")
    for given, each in [({}, 1), ({"side_threads": 2}, 2)]:
        (clone / "threads.yaml").write_text(yaml.safe_dump({"execution": {"threads": 2, **given}}))
        done = run_snakemake(clone, "-n", "--printshellcmds", "knowledge", config=(SMOKE, "threads.yaml"))
        assert done.returncode == 0, done.stdout
        threads: dict[str, set[int]] = {}
        for stage, found in re.findall(r"lineage\.stage (\w+) .*?\"threads\": (\d+)", done.stdout):
            threads.setdefault(stage, set()).add(int(found))
        assert threads["inject"] == {each}
        assert threads["pretrain"] == {2}
        assert threads["score_language"] == {1}


def test_the_list_of_rules_reads_as_a_table_of_contents() -> None:
    done = run_snakemake(REPOSITORY, "--list", config=())
    listed = dict(re.findall(r"^(\w+) \((.+)\)$", done.stdout, re.MULTILINE))
    assert set(listed) == set(RULES) | set(read_rules([REPOSITORY / "Snakefile"])), done.stdout
    for name, rule in RULES.items():
        assert f'"{listed[name]}"' in rule.text
