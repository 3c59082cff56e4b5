"""From an experiment to its jobs: specs say what is computed, never what it is called or where it lies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.config.experiment import Experiment
from lineage.config.load import overlay, validate
from lineage.errors import UserError
from lineage.plan import Plan, ancestors, make_plan, model_folder, stage_spec
from tests.config.building import EXPERIMENT

RUN = {
    "stage": "pretrain",
    "tokens": "my_words",
    "steps": 8,
    "optimization": {"batch_tokens": 64, "sequence_length": 16},
}
NAMES = ["my_notes", "my_rows", "my_text", "my_bpe", "my_words", "root", "late", "last", "mine"]
"""Every name that a user gives in WHOLE."""
WHOLE: dict[str, Any] = {
    "world": {},
    "documents": {
        "my_notes": {"reader": "text", "path": "folder/of/notes"},
        "my_rows": {"reader": "datasets", "name": "some/set", "revision": "abc"},
    },
    "corpora": {"my_text": {"of": ["world", "my_notes", "my_rows"]}},
    "tokenizers": {"my_bpe": {"corpus": "my_text"}},
    "tokens": {"my_words": {"corpus": "my_text", "tokenizer": "my_bpe"}},
    "models": {
        "last": {**RUN, "start": "late"},
        "late": {**RUN, "start": "root@4", "held_out": {}},
        "root": {**RUN, "architecture": {"settings": {"hidden_size": 8}}, "checkpoints": [4, 8]},
        "mine": {"stage": "import", "path": "folder/of/mine"},
    },
    "scores": {"corpus": "my_text"},
}


def plan_of(raw: dict[str, Any]) -> Plan:
    return make_plan(validate(raw))


def renamed(value: Any, names: dict[str, str]) -> Any:
    """The same experiment with other names, wherever they stand; content (a hub id, a key) keeps its words."""
    if isinstance(value, dict):
        return {names.get(key, key): renamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, names) for one in value]
    if isinstance(value, str):
        name, at, step = value.partition("@")
        return names.get(name, name) + at + step
    return value


@settings(max_examples=40)
@given(st.lists(st.from_regex(r"\A[a-z][a-z0-9_]{0,6}\Z"), min_size=len(NAMES), max_size=len(NAMES), unique=True))
def test_renaming_changes_no_spec(new: list[str]) -> None:
    names = {old: f"x{fresh}" for old, fresh in zip(NAMES, new, strict=True)}
    before, after = plan_of(WHOLE), plan_of(renamed(WHOLE, names))
    assert [renamed_folder(folder, names) for folder in before] == list(after)
    assert [(job.stage, job.spec) for job in before.values()] == [(job.stage, job.spec) for job in after.values()]


def renamed_folder(folder: str, names: dict[str, str]) -> str:
    return "/".join(renamed(part, names) for part in folder.split("/"))


def test_specs_hold_no_names_and_no_paths() -> None:
    for job in plan_of(WHOLE).values():
        words = set(re.findall(r'"([^"]*)"', job.spec))
        assert not words & set(NAMES), job.folder
        assert not any("folder/of" in word for word in words), job.folder


@pytest.mark.parametrize(
    "change",
    [
        {"data_root": "/elsewhere"},
        {"experiment": "other"},
        {"execution": {"threads": 7, "minutes": 3, "processes": 2, "device": "cpu"}},
        {"track_code": False},
        {"pathvars": {"results": "/scratch"}},
        {"documents": {"my_notes": {"path": "moved"}}},
        {"models": {"mine": {"path": "moved"}}},
    ],
)
def test_places_and_execution_change_no_spec_and_no_input(change: dict[str, Any]) -> None:
    before, after = plan_of(WHOLE), plan_of(overlay(WHOLE, change))
    assert list(before) == list(after)
    for folder in before:
        assert before[folder].spec == after[folder].spec
        assert before[folder].inputs == after[folder].inputs


def test_specs_are_what_the_stages_read() -> None:
    """Canonical, complete (defaults written out) and valid for the stage's own config."""
    import typing

    from lineage.freshness import canonical
    from lineage.stage import stage_function

    for job in plan_of(WHOLE).values():
        spec = json.loads(job.spec)
        assert canonical(spec) == job.spec
        config = typing.get_type_hints(stage_function(job.stage))["config"].model_validate(spec)
        ignored = {"path"} | ({"existing"} if job.stage == "tokenizer" else set())
        complete = {key for key in config.model_dump(mode="json") if key not in ignored}
        assert complete <= set(spec) | ignored


def test_jobs_and_inputs_by_hand() -> None:
    plan = plan_of(WHOLE)
    assert list(plan) == [
        "data/world", "data/documents/my_notes", "data/documents/my_rows", "data/corpora/my_text", "tokenizers/my_bpe",
        "data/tokens/my_words", "models/root@4", "exposures/root@4", "models/root@8", "exposures/root@8",
        "models/late@8", "exposures/late@8", "models/last@8", "exposures/last@8", "models/mine",
        "scores/last@8/language", "scores/late@8/language",
        "scores/root@4/language", "scores/root@8/language", "scores/mine/language",
    ]  # fmt: skip
    read = {"tokens": ["data/tokens/my_words"], "tokenizer": ["tokenizers/my_bpe"]}
    assert plan["models/root@4"].inputs == {**read, "start": []}
    assert plan["models/root@8"].inputs == {**read, "start": ["models/root@4"]}
    assert plan["models/late@8"].inputs == {**read, "start": ["models/root@4"], "held_out": ["data/corpora/my_text"]}
    assert plan["models/last@8"].inputs == {**read, "start": ["models/late@8"]}
    steps = [
        (json.loads(plan[f"models/{name}"].spec)[key])
        for name in ("root@4", "root@8")
        for key in ("first_step", "last_step")
    ]
    assert steps == [0, 4, 4, 8]
    assert plan["exposures/root@4"].inputs["parent"] == []
    assert plan["exposures/root@8"].inputs["parent"] == ["exposures/root@4"]
    assert plan["exposures/late@8"].inputs["parent"] == ["exposures/root@4"]
    assert plan["scores/root@4/language"].inputs["exposures"] == ["exposures/root@4"]
    assert "exposures" not in plan["scores/mine/language"].inputs
    assert plan["data/documents/my_notes"].external == {"source": Path("folder/of/notes")}
    assert plan["data/documents/my_rows"].external == {}


def test_data_root_is_where_relative_paths_start() -> None:
    plan = plan_of(overlay(WHOLE, {"data_root": "/data", "models": {"mine": {"path": "/absolute"}}}))
    assert plan["data/documents/my_notes"].external == {"source": Path("/data/folder/of/notes")}
    assert plan["models/mine"].external == {"source": Path("/absolute")}
    home = plan_of(overlay(WHOLE, {"data_root": "~/data"}))
    assert home["models/mine"].external == {"source": Path.home() / "data/folder/of/mine"}


def test_parents_come_before_children_and_ancestors_are_all_of_them() -> None:
    plan = plan_of(WHOLE)
    seen: set[str] = set()
    for folder, job in plan.items():
        parents = {parent for folders in job.inputs.values() for parent in folders}
        assert parents <= seen
        assert set(ancestors(plan, folder)) == parents | {one for parent in parents for one in ancestors(plan, parent)}
        seen.add(folder)
    assert ancestors(plan, "data/world") == []
    assert "models/root@8" not in ancestors(plan, "models/late@8")


def test_scores_of_named_models_only() -> None:
    scores = {"scores": {"models": ["root", "root@8", "mine"]}}
    plan = plan_of(overlay(WHOLE, scores))
    made = [folder for folder in plan if folder.startswith("scores/")]
    assert made == ["scores/root@8/language", "scores/mine/language"]
    experiment = validate(WHOLE)
    assert model_folder(experiment, "root") == model_folder(experiment, "root@8") == "models/root@8"
    assert model_folder(experiment, "mine") == "models/mine"


def test_without_a_world_there_are_no_exposures() -> None:
    raw = overlay(WHOLE, {"world": None, "corpora": {"my_text": {"of": ["my_notes"]}}})
    plan = plan_of(raw)
    assert not any(folder.startswith("exposures") or folder == "data/world" for folder in plan)
    assert not any("world" in job.inputs or "exposures" in job.inputs for job in plan.values())


def test_an_edit_changes_the_specs_that_hold_its_key() -> None:
    """And no other: nothing else would run again."""
    leaf = {"models": {"root": {"optimization": {"epsilon": 1e-7}}}}
    before, after = plan_of(WHOLE), plan_of(overlay(WHOLE, leaf))
    assert [folder for folder in before if before[folder].spec != after[folder].spec] == [
        "models/root@4",
        "models/root@8",
    ]
    experiment = Experiment.model_validate(EXPERIMENT)
    from lineage.config.corpus import Corpus

    spec = json.loads(stage_spec(Corpus, experiment.corpora["main"]))
    assert "of" not in spec
    assert spec["held_out_share"] == 0.05


def test_the_ledger_reaches_over_a_run_on_other_text() -> None:
    """world -> real text -> world: what was seen of the world before counts for all that follow."""
    more = {
        "corpora": {"real": {"of": ["my_notes"]}},
        "tokens": {"real": {"corpus": "real", "tokenizer": "my_bpe"}},
        "models": {"late": {"tokens": "real"}},
    }
    plan = plan_of(overlay(WHOLE, more))
    assert plan["exposures/late@8"].inputs["parent"] == ["exposures/root@4"]
    assert plan["exposures/last@8"].inputs["parent"] == ["exposures/late@8"]


def test_corpora_that_share_documents_must_hold_out_the_same() -> None:
    leaking = {"corpora": {"all": {"of": ["my_notes", "world"], "held_out_share": 0.0}}}
    with pytest.raises(UserError, match=r"corpora\.all\.held_out_share.*is 0\.0, but corpora\.my_text.*would train on"):
        validate(overlay(WHOLE, leaking))


def test_a_merge_names_the_artifacts_of_its_parents_and_their_projector() -> None:
    shares = {"stage": "tune", "shares": {"talks": 1}, "steps": 4}
    raw = {
        **WHOLE,
        "conversations": {"talks": {"source": "llava", "path": "talks.json"}},
        "models": {
            **WHOLE["models"],
            "one": {**shares, "start": "mine"},
            "two": {**shares, "start": "one", "checkpoints": [2, 4]},
            "both": {"stage": "merge", "projector": "two@2", "models": [{"name": "one"}, {"name": "two@2"}]},
        },
    }
    plan = plan_of(raw)
    job = plan["models/both"]
    assert job.inputs == {"parents": ["models/one@4", "models/two@2"], "base": []}
    spec = json.loads(job.spec)
    assert [one["name"] for one in spec["models"]] == ["one@4", "two@2"]
    assert spec["projector"] == "two@2"
    raw["models"]["both"]["projector"] = "one"
    assert json.loads(plan_of(raw)["models/both"].spec)["projector"] == "one@4"
    raw["models"]["both"]["projector"] = "mine"
    with pytest.raises(UserError, match=r"projector is 'mine': give `merge` or one of the models"):
        plan_of(raw)
    assert plan["models/two@4"].inputs["start"] == ["models/two@2"]


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"shares": {"talk": 1}},
            r"models\.chat\.shares is 'talk', which is no set of conversations\. Did you mean 'talks'",
        ),
        ({"start": "clip"}, r"models\.chat\.start is 'clip', a vision tower, but a language model is needed"),
        ({"trainable": "projector"}, r"models\.chat\.trainable is 'projector', but 'root' reads text only"),
        ({"trainable": "lora", "checkpoints": [2, 4]}, r"low-rank updates are folded in when training ends"),
        ({"checkpoints": [8]}, r"lie after the last step"),
    ],
)
def test_a_tuned_model_that_cannot_be_made_is_found_before_any_job(changes: dict[str, Any], message: str) -> None:
    raw = {
        **WHOLE,
        "conversations": {"talks": {"source": "llava", "path": "talks.json"}},
        "models": {
            **WHOLE["models"],
            "clip": {"stage": "tower", "tokenizer": "my_bpe", "shares": {"talks": 1}, "steps": 4},
            "chat": {"stage": "tune", "start": "root", "shares": {"talks": 1}, "steps": 4, **changes},
        },
    }
    with pytest.raises(UserError, match=message):
        plan_of(raw)


def test_what_the_world_would_give_is_missed_where_there_is_none() -> None:
    with pytest.raises(UserError, match=r"source is 'world', but the experiment has no `safety_data`"):
        plan_of({**WHOLE, "conversations": {"talks": {"source": "world", "table": "chats"}}})
    raw = {**WHOLE, "conversations": {"talks": {"source": "filtered", "of": "all", "text": {"by": "truth"}}}}
    with pytest.raises(UserError, match=r"of is 'all', which is no other set of conversations"):
        plan_of(raw)
