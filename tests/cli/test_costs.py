"""`lineage costs`, and the page that Snakemake writes after each run."""

import json
import re

from lineage.cli.costs import COSTS, write_costs
from lineage.report.costs import by_stage, make_cost, start_share
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call

RUN = {"seconds": 3.0, "start_seconds": 1.0, "peak_memory_bytes": 2_000_000, "execution": {"threads": 2}}


def test_totals_by_stage_put_the_dearest_first():
    training = {"training": {"tokens": 5000, "tokens_per_second": 10.5}}
    costs = [
        make_cost("a", "tokens", RUN, 10),
        make_cost("b", "pretrain", RUN | training, 20),
        make_cost("c", "pretrain", {}, 5),
    ]
    assert [(one.stage, one.jobs, one.whole_seconds, one.bytes) for one in by_stage(costs)] == [
        ("tokens", 1, 4.0, 10), ("pretrain", 2, 4.0, 25)
    ]  # fmt: skip
    assert (costs[1].tokens, costs[1].tokens_per_second, costs[2].seconds) == (5000, 10.5, None)
    assert start_share(costs) == 0.25
    assert start_share([]) is None


def test_every_job_has_its_seconds(built: Workspace):
    found = ask("costs")
    assert {one["artifact"] for one in found} == set(built.plan)
    assert all(one["seconds"] == 1.25 for one in found)
    lines = call("costs").stdout.splitlines()
    assert re.search(r"^pretrain +2 +2\.5 +0\.0", "\n".join(lines), re.MULTILINE)
    assert len(call("costs", "--jobs").stdout.splitlines()) == len(built.plan) + 1


def test_a_job_without_run_json_has_no_seconds(built: Workspace):
    (built.root / "models" / "base@4" / "run.json").unlink()
    [one] = [one for one in ask("costs") if one["artifact"] == "models/base@4"]
    assert one["seconds"] is None


def test_the_page_escapes_and_is_no_artifact(built: Workspace):
    run = built.root / "models" / "base@4" / "run.json"
    run.write_text(json.dumps(RUN | {"training": {"tokens": 5000}}))
    before = set(built.root.rglob("manifest.json"))
    write_costs(built.root, built.plan)
    text = (built.root / COSTS).read_text()
    assert ">models/base@4<" in text and ">5,000<" in text and "<script" not in text
    assert set(built.root.rglob("manifest.json")) == before
    write_costs(built.root / "nothing")
    assert not (built.root / "nothing").exists()
