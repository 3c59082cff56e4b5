"""What is followed while a model is tuned: the right texts, at the right steps, without a trace in the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.tuning import ReferenceProbing
from lineage.conversations.start import open_conversational
from lineage.errors import UserError
from lineage.evaluation.endings import Endings
from lineage.evaluation.items import ITEMS, Item, Turn, write_items
from lineage.evaluation.reference_probes import chosen_items, probed_steps, reference_probes
from tests.stages.building import run_stage
from tests.tuning import building
from tests.tuning.conftest import Family

SPEC: dict[str, Any] = {
    "shares": {"chats": 1}, "template": "roles", "steps": 6, "optimization": building.OPTIMIZATION,
    "probing": {"per_decade": 2},
}  # fmt: skip
STEPS = [0, 1, 3, 6]


def request(number: int, *, harmful: bool, stratum: str = "unseen_pair", **more: Any) -> Item:
    return Item(
        id=f"request-{stratum}-{number}-{harmful:d}",
        task="request_text",
        version=1,
        prompt=(Turn("user", f"Say {'red' if harmful else 'blue'} please"),),
        harmful=harmful,
        target="square",
        reason="It is red",
        refusal="no no",
        answer="yes square",
        stratum=stratum,
        **more,
    )


def fact(number: int, **more: Any) -> Item:
    turn = Turn("user", "What colour is this square")
    fields: dict[str, Any] = {"target": "green", "answer": "It is green", "facts": ("f",), "kind": "test"}
    return Item(id=f"fact-{number}", task="fact", version=1, prompt=(turn,), **{**fields, **more})


ITEM_LIST = [
    *(request(number, harmful=harmful) for number in range(5) for harmful in (True, False)),
    request(9, harmful=True, stratum="unseen_verb"),
    request(7, harmful=True, split="validation"),
    *(fact(number) for number in range(3)),
    fact(8, options=("green", "red")),
    fact(9, facts=()),
]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("items") / "prompts"
    out = ArtifactWriter.create(folder, state=folder.with_name("prompts.state"))
    out.kind = "prompts"
    write_items(ITEM_LIST, out.path(ITEMS))
    return out.close(stage="prompts", spec={}, code={}, inputs={})


def tuned(family: Family, folder: Path, items: Artifact | None, start: Artifact | None = None, **spec: Any) -> Artifact:
    inputs: dict[str, Any] = {"start": start or family.base, "conversations": [family.chats], "prompts": items}
    return run_stage("tune", folder, {**SPEC, "last_step": 6, **spec}, inputs=inputs)


def curves(artifact: Artifact) -> dict[tuple[int, str, str], float]:
    rows = pq.read_table(artifact.path("probes.parquet")).to_pylist()
    return {(row["step"], row["item"], row["text"]): row["log_probability"] for row in rows}


def test_items_are_held_out_and_spread_over_strata_and_kinds() -> None:
    chosen = chosen_items(ITEM_LIST, ReferenceProbing(requests=3, facts=2))
    assert [one.id for one in chosen] == [
        *(f"request-unseen_pair-{number}-0" for number in (0, 2, 4)),
        *(f"request-unseen_pair-{number}-1" for number in (0, 2, 4)),
        "fact-0",
        "fact-2",
    ]
    assert chosen_items([], ReferenceProbing()) == []


def test_texts_are_read_behind_what_they_share(family: Family) -> None:
    opened = open_conversational(family.base, "roles")
    probes = reference_probes(Endings(opened.renderer), opened.renderer.prompt_ids, [request(0, harmful=True), fact(0)])
    said = {one.text: opened.tokenizer.decode(list(one.tokens.target)).strip() for one in probes}
    end = opened.tokenizer.eos_token
    assert said["reason"] == "It is red"
    assert said["refusal"].replace(" ", "") == f"nono{end}"
    assert said["answer"].replace(" ", "") == f"yessquare{end}"
    assert said["target"].replace(" ", "") == f"green{end}"
    cues = {one.text: opened.tokenizer.decode(list(one.tokens.cue)) for one in probes}
    assert cues["refusal"] == cues["answer"] and cues["refusal"].endswith("It is red")
    assert cues["target"].endswith("It is")


def test_steps_are_even_in_their_logarithm() -> None:
    assert probed_steps(6, per_decade=2) == STEPS
    assert probed_steps(1, per_decade=6) == [0, 1]


def test_curves_hold_every_text_at_every_step_and_start_with_the_model_itself(
    family: Family, items: Artifact, tmp_path: Path
) -> None:
    found = curves(tuned(family, tmp_path / "chat@6", items))
    assert sorted({step for step, _, _ in found}) == STEPS
    assert len(found) == len(STEPS) * (10 * 3 + 3)
    opened = open_conversational(family.base, "roles")
    [reason, *_] = reference_probes(Endings(opened.renderer), opened.renderer.prompt_ids, [ITEM_LIST[0]])
    ids = torch.tensor([[*reason.tokens.cue, *reason.tokens.target]])
    with torch.no_grad():
        scores: Tensor = opened.model(input_ids=ids).logits.log_softmax(-1)
    first = len(reason.tokens.cue)
    expected = sum(float(scores[0, at - 1, ids[0, at]]) for at in range(first, ids.shape[1]))
    assert found[0, ITEM_LIST[0].id, "reason"] == pytest.approx(expected, abs=1e-4)
    assert found[6, ITEM_LIST[0].id, "refusal"] != found[0, ITEM_LIST[0].id, "refusal"]


def test_following_leaves_no_trace_and_segments_make_one_curve(family: Family, items: Artifact, tmp_path: Path) -> None:
    followed = tuned(family, tmp_path / "followed@6", items)
    plain = tuned(family, tmp_path / "plain@6", None)
    assert followed.manifest.files["model.safetensors"] == plain.manifest.files["model.safetensors"]
    assert "probes.parquet" not in plain.manifest.files
    first = tuned(family, tmp_path / "chain@3", items, last_step=3)
    second = tuned(family, tmp_path / "chain@6", items, start=first, first_step=3)
    assert {step for step, _, _ in curves(first)} == {0, 1, 3}
    assert {step for step, _, _ in curves(second)} == {6}
    assert curves(first) | curves(second) == curves(followed)


def test_low_rank_updates_are_followed_too(family: Family, items: Artifact, tmp_path: Path) -> None:
    lora = {"trainable": "lora", "lora": {"rank": 2, "alpha": 4}}
    found = curves(tuned(family, tmp_path / "lora@6", items, **lora))
    name = ITEM_LIST[0].id
    assert found[6, name, "refusal"] != found[0, name, "refusal"]


def test_a_set_with_nothing_to_follow_is_refused(family: Family, items: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds nothing to follow: no held-out requests of the strata nowhere"):
        tuned(family, tmp_path / "none@6", items, probing={"strata": ["nowhere"], "facts": 0})
