"""Names that lead nowhere, cycles, checkpoints and tokenizers: told before any job exists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.config.experiment import Experiment
from lineage.config.load import overlay, validate
from lineage.config.references import artifact_names, check_references, model_step
from lineage.errors import UserError
from tests.config.building import EXPERIMENT as DEFAULT

IMPORTED = {"stage": "import", "path": "folder"}


def run(start: str, **changes: Any) -> dict[str, Any]:
    return {"stage": "pretrain", "tokens": "main", "start": start, "steps": 3, **changes}


def mistakes(**changes: Any) -> list[str]:
    with pytest.raises(UserError) as error:
        validate(overlay(DEFAULT, changes))
    return str(error.value).splitlines()


def test_an_unknown_parent_is_told_with_all_models() -> None:
    told = mistakes(models={"safe": run("seeng"), "seeing": IMPORTED})
    first = "config: models.safe.start is 'seeng', which is no model. Did you mean 'seeing'?"
    assert told == [first, "  models: base, safe, seeing"]


def test_a_model_is_never_suggested_as_its_own_parent() -> None:
    assert mistakes(models={"bose": run("bese")})[0].endswith("Did you mean 'base'?")
    assert mistakes(models={"zzzz": run("zzzy")})[0].endswith("which is no model.")


@pytest.mark.parametrize(
    ("changes", "path", "value", "kind", "allowed"),
    [
        ({"corpora": {"main": {"of": ["wrld"]}}}, "corpora.main.of.0", "wrld", "document set", "documents: world"),
        ({"tokenizers": {"main": {"corpus": "man"}}}, "tokenizers.main.corpus", "man", "corpus", "corpora: main"),
        ({"tokens": {"main": {"corpus": "man"}}}, "tokens.main.corpus", "man", "corpus", "corpora: main"),
        ({"tokens": {"main": {"tokenizer": "man"}}}, "tokens.main.tokenizer", "man", "tokenizer", "tokenizers: main"),
        ({"models": {"base": {"tokens": "man"}}}, "models.base.tokens", "man", "token stream", "tokens: main"),
        ({"scores": {"corpus": "man"}}, "scores.corpus", "man", "corpus", "corpora: main"),
        ({"scores": {"models": ["bas"]}}, "scores.models.0", "bas", "model", "models: base"),
    ],
)  # fmt: skip
def test_every_reference(changes: dict[str, Any], path: str, value: str, kind: str, allowed: str) -> None:
    told = mistakes(**changes)
    assert told[0].startswith(f"config: {path} is '{value}', which is no {kind}. Did you mean '")
    assert told[1] == f"  {allowed}"


def test_the_world_needs_its_section() -> None:
    assert mistakes(world=None)[0].startswith("config: corpora.main.of.0 is 'world', which is no document set.")


def test_a_document_set_cannot_be_called_world() -> None:
    told = mistakes(documents={"world": {"reader": "text", "path": "a"}})
    assert told == ["config: documents.world is the name of the generated world; choose another"]


def test_a_checkpoint_that_is_not_declared() -> None:
    first = (
        "config: models.late.start is 'base@41', a checkpoint that is not declared; add 41 to models.base.checkpoints"
    )
    assert mistakes(models={"late": run("base@41")}) == [first, "  kept: base@40, base@120, base@296"]
    assert mistakes(scores={"models": ["base@1"]})[0].startswith("config: scores.models.0 is 'base@1', a checkpoint")


def test_imported_models_have_no_checkpoints() -> None:
    (told,) = mistakes(models={"mine": IMPORTED, "late": run("mine@3")})
    assert told == "config: models.late.start is 'mine@3', but 'mine' has no checkpoints: write 'mine'"


def test_exactly_one_source() -> None:
    one_of = "give exactly one of `architecture` (from scratch) and `start` (from another model)"
    assert mistakes(models={"base": {"architecture": None}}) == [f"config: models.base: {one_of}"]
    assert mistakes(models={"base": {"start": "base@40"}}) == [f"config: models.base: {one_of}"]
    told = mistakes(tokenizers={"main": {"corpus": None}})
    assert told == ["config: tokenizers.main: give exactly one of `corpus` (train one) and `existing` (take one over)"]
    told = mistakes(tokenizers={"main": {"corpus": None, "existing": {}}})
    assert told == [
        "config: tokenizers.main.existing: give either `path` (a folder) or `name` (a hub id) with `revision`"
    ]


@pytest.mark.parametrize("reader", ["text", "jsonl", "parquet", "csv", "factbook", "datasets"])
def test_documents_without_a_place(reader: str) -> None:
    (told,) = mistakes(documents={"notes": {"reader": reader}})
    assert told.startswith("config: documents.notes: says nowhere what to read: give `path`")
    assert ("`name`" in told) == (reader == "datasets")


def test_a_cycle_is_told_once() -> None:
    advice = ". Build one of them from scratch (`architecture`)"
    assert mistakes(models={"a": run("a")}) == [f"config: models.a.start makes a cycle: a -> a{advice}"]
    told = mistakes(models={"a": run("b"), "b": run("c"), "c": run("a"), "below": run("b")})
    assert told == [f"config: models.a.start makes a cycle: a -> b -> c -> a{advice}"]
    assert len(mistakes(models={"a": run("a"), "b": run("b")})) == 2


@given(st.lists(st.integers(0, 6), min_size=1, max_size=7))
def test_a_cycle_is_found_if_and_only_if_there_is_one(parents: list[int]) -> None:
    """Model i starts from model parents[i], or is imported where that is i's own place behind the end."""
    names = [f"m{i}" for i in range(len(parents))]
    models = {
        name: run(names[parent]) if parent < len(names) else IMPORTED
        for name, parent in zip(names, parents, strict=True)
    }
    experiment = Experiment.model_validate({**DEFAULT, "models": models})

    def ends(index: int) -> bool:
        for _ in names:
            if parents[index] >= len(names):
                return True
            index = parents[index]
        return False

    has_cycle = not all(ends(index) for index in range(len(names)))
    assert bool(check_references(experiment)) == has_cycle


def test_tokenizers_that_disagree() -> None:
    other = {"tokenizers": {"other": {"corpus": "main"}}, "tokens": {"other": {"corpus": "main", "tokenizer": "other"}}}
    first, second = mistakes(**other, models={"late": run("base@40", tokens="other")})
    expected = (
        "is 'other' with the tokenizer 'other', but 'base' was trained with 'main'. Name a token stream of 'main'"
    )
    assert first == f"config: models.late.tokens {expected}"
    assert second == "  tokens: main"
    validate(overlay(DEFAULT, {**other, "models": {"late": run("base@40")}}))
    same = overlay(other, {"tokens": {"other": {"tokenizer": "main"}}})
    validate(overlay(DEFAULT, {**same, "models": {"late": run("base@40", tokens="other")}}))


def test_all_mistakes_come_at_once() -> None:
    told = mistakes(models={"a": run("x"), "b": run("y")}, scores={"corpus": "z"})
    assert sum(line.startswith("config: ") for line in told) == 3


def test_what_references_mean() -> None:
    experiment = validate(overlay(DEFAULT, {"models": {"mine": IMPORTED, "late": run("base@40", steps=7)}}))
    assert model_step(experiment, "base") == ("base", 296)
    assert model_step(experiment, "base@120") == ("base", 120)
    assert model_step(experiment, "mine") == ("mine", None)
    assert artifact_names("base", experiment.models["base"]) == ["base@40", "base@120", "base@296"]
    assert artifact_names("late", experiment.models["late"]) == ["late@7"]
    assert artifact_names("mine", experiment.models["mine"]) == ["mine"]


def test_corpora_that_share_documents_must_find_the_same_duplicates() -> None:
    """One that removes them and one that keeps them together hold out the same; one that parts them does not."""
    kept = {"of": ["world"], "held_out_share": 0.05, "held_out_sources": ["world/background"], "near_duplicates": None}
    validate(overlay(DEFAULT, {"corpora": {"kept": kept}}))
    (told,) = mistakes(corpora={"kept": {**kept, "kept_together": None}})
    assert told == (
        "config: corpora.kept.kept_together is another search for duplicates than corpora.main.near_duplicates, and"
        " both read 'world': of what one holds out the other would train on copies. Give both the same"
    )
    (told,) = mistakes(corpora={"other": {**kept, "near_duplicates": {"threshold": 0.7}}})
    assert told.startswith("config: corpora.other.near_duplicates is another search for")
    whole = {"held_out_share": 0, "held_out_sources": None}
    unsplit = {"corpora": {"main": whole, "kept": {**kept, **whole, "kept_together": None}}}
    validate(overlay(DEFAULT, unsplit))
