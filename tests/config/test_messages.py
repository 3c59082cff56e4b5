"""What a person reads when the config has a mistake: place, value, what is allowed, what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lineage.config.base import Frozen
from lineage.config.experiment import Experiment
from lineage.config.load import overlay, validate
from lineage.config.messages import did_you_mean, explain, listed, sentence
from lineage.errors import UserError
from tests.config.building import EXPERIMENT as DEFAULT

TEXT = {"reader": "text", "path": "notes"}
RUN = {"stage": "pretrain", "tokens": "main", "start": "base", "steps": 3}


def mistakes(path: str, value: Any) -> list[str]:
    """The message about the default config with one key set to `value`, line by line."""
    for part in reversed(path.split(".")):
        value = {part: value}
    with pytest.raises(UserError) as error:
        validate(overlay(DEFAULT, value))
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("experimnt", "experiment"),
        ("world.peple", "people"),
        ("execution.minuts", "minutes"),
        ("corpora.main.held_out_shar", "held_out_share"),
        ("corpora.main.near_duplicates.treshold", "threshold"),
        ("tokenizers.main.vocabsize", "vocab_size"),
        ("tokens.main.templte", "template"),
        ("models.base.stepps", "steps"),
        ("models.base.optimization.learning_rate", "peak_learning_rate"),
        ("models.base.architecture.seting", "settings"),
        ("models.base.held_out.every", "every_steps"),
        ("scores.context", "context_tokens"),
    ],
)
def test_a_misspelt_key_in_every_section(path: str, near: str) -> None:
    first, second = mistakes(path, 1)
    assert first == f"config: {path} is no known key. Did you mean '{near}'?"
    assert second.startswith("  allowed: ")
    assert near in second or "more)" in second


@pytest.mark.parametrize(
    ("name", "entry", "near", "foreign"),
    [
        ("documents.notes", {**TEXT, "patern": "*"}, "pattern", "delimiter"),
        ("documents.notes", {"reader": "csv", "path": "a", "delimeter": ";"}, "delimiter", "split"),
        ("documents.notes", {"reader": "datasets", "path": "a", "subst": "b"}, "subset", "delimiter"),
        ("models.mine", {"stage": "import", "path": "a", "revison": "b"}, "revision", "steps"),
        ("models.mine", {**RUN, "chekpoints": [1]}, "checkpoints", "revision"),
    ],
)
def test_a_misspelt_key_in_a_branch_of_a_union_names_the_keys_of_that_branch(
    name: str, entry: dict[str, Any], near: str, foreign: str
) -> None:
    first, second = mistakes(name, entry)
    wrong = list(entry)[-1]
    assert first == f"config: {name}.{wrong} is no known key. Did you mean '{near}'?"
    assert near in second.split(": ")[1].split(", ")
    assert foreign not in second.split(": ")[1].split(", ")


def test_a_key_of_the_other_branch_is_not_suggested() -> None:
    first, second = mistakes("models.mine", {"stage": "import", "path": "a", "steps": 3})
    assert first.startswith("config: models.mine.steps is no known key.")
    assert "'steps'" not in first
    assert second == "  allowed: name, path, revision, stage"


def test_nested_keys_below_a_branch() -> None:
    first, second = mistakes("documents.notes", {"reader": "jsonl", "path": "a", "columns": {"txt": "b"}})
    assert first == "config: documents.notes.columns.txt is no known key. Did you mean 'text'?"
    assert second == "  allowed: id, text, title"


def test_a_key_named_like_the_branch_keeps_its_place() -> None:
    """pydantic's location of this is documents, notes, text, text: the branch, then the key."""
    first, _ = mistakes("documents.notes", {**TEXT, "text": "body"})
    assert first.startswith("config: documents.notes.text is no known key.")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("world", "yes", "is 'yes': must be a mapping of keys to values"),
        ("models.base.optimization", None, "is null: must be a mapping of keys to values"),
        ("models.base", 3, "is 3: must be a mapping of keys to values"),
        ("documents", [TEXT], "is [{'reader': 'text', 'path': 'notes'}]: must be a mapping of keys to values"),
        ("world.people", "many", "is 'many': must be a whole number"),
        ("models.base.steps", 10.5, "is 10.5: must be a whole number"),
        ("models.base.optimization.peak_learning_rate", "1e-3x", "is '1e-3x': must be a number"),
        ("models.base.optimization.peak_learning_rate", float("nan"), "is nan: must be a finite number"),
        ("execution.compile", "maybe", "is 'maybe': must be true or false"),
        ("experiment", 3, "is 3: must be text (put it in quotes)"),
        ("world.exposure_levels", 5, "is 5: must be a list, such as [a, b]"),
        ("corpora.main.of", "world", "is 'world': must be a list, such as [a, b]"),
        ("corpora.main.held_out_sources", "world", "is 'world': must be a list, such as [a, b]"),
        ("world.exposure_levels", [0, "x"], "x"),
    ],
)
def test_wrong_types_are_told_in_the_words_of_the_file(path: str, value: Any, message: str) -> None:
    (told,) = mistakes(path, value)
    if message == "x":
        assert told == "config: world.exposure_levels.1 is 'x': must be a whole number"
    else:
        assert told == f"config: {path} {message}"
    assert not any(word in told for word in ("tuple", "dict", "instance", "input", "pydantic", "None"))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("world.people", 0, "is 0: must be more than 0"),
        ("world.seed", -1, "is -1: must be 0 or more"),
        ("execution.threads", 0, "is 0: must be 1 or more"),
        ("execution.minutes", -1, "is -1: must be more than 0"),
        ("corpora.main.held_out_share", 1, "is 1: must be less than 1"),
        ("corpora.main.near_duplicates.threshold", 1.5, "is 1.5: must be 1 or less"),
        ("corpora.main.of", [], "is []: needs 1 or more of them"),
        ("models.base.optimization.betas", [0.9, 0.9, 0.9], "is [0.9, 0.9, 0.9]: may have 2 of them at most"),
        ("models.base.optimization.betas.1", None, "is missing: the list needs more entries"),
        ("scores.context_tokens", 4, "is 4: must be 8 or more"),
        ("models.base.checkpoints", [40, 30], "is [40, 30]: must be increasing and distinct"),
    ],
)
def test_wrong_ranges(path: str, value: Any, message: str) -> None:
    given, value = (path.removesuffix(".1"), [0.9]) if path.endswith(".1") else (path, value)
    assert mistakes(given, value) == [f"config: {path} {message}"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("models.base.checkpoints", [10, 1000], "models.base: checkpoints [1000] lie after the last step (296)"),
        ("models.base.optimization.warmup_steps", 999, "models.base: optimization.warmup_steps is 999, more than"),
        ("models.base.optimization.batch_tokens", 1000, "models.base.optimization: batch_tokens is 1000, no multiple"),
        ("models.mine", {"stage": "import"}, "models.mine: give either `path` (a folder) or `name`"),
        ("models.mine", {"stage": "import", "name": "a/b"}, "models.mine: `name` needs a `revision`"),
        ("documents.notes", {"reader": "datasets", "name": "a/b"}, "documents.notes: 'a/b' is read from the hub and"),
        ("tokens.main.template", "{txt}", "tokens.main.template: '{txt}' must hold {text}"),
        ("world.tuned_hazards", 5, "world: tuned_hazards is 5: dangerous objects come in matched pairs"),
    ],
)
def test_rules_between_keys_name_the_section_without_pydantics_branches(path: str, value: Any, message: str) -> None:
    assert mistakes(path, value)[0].startswith(f"config: {message}")


@pytest.mark.parametrize(
    "path", ["models.base.steps", "execution.threads", "world.people", "models.base.optimization.floor"]
)
def test_true_is_no_number(path: str) -> None:
    section, _, key = path.rpartition(".")
    assert mistakes(path, True) == [f"config: {section}: {key} is true: must be a number"]


@pytest.mark.parametrize("name", ["Bad-Name", "2x", "base@3", "_x", "a b"])
def test_bad_names(name: str) -> None:
    (told,) = mistakes(f"models.{name}", {"stage": "import", "path": "a"})
    rule = "a name is made of small letters, digits and underscores, and starts with a letter"
    assert told == f"config: models.{name} is '{name}': {rule}"


def test_bad_references() -> None:
    (told,) = mistakes("models.late", {**RUN, "start": "base@last"})
    assert told.startswith("config: models.late.start is 'base@last': must be the name of a model, such as base, or of")


def test_the_kind_of_an_entry() -> None:
    allowed = "  allowed: text, jsonl, parquet, csv, factbook, datasets"
    wrong = "config: documents.notes.reader is 'txt'. Did you mean 'text'?"
    assert mistakes("documents.notes", {**TEXT, "reader": "txt"}) == [wrong, allowed]
    missing = "config: documents.notes.reader is missing: it says what kind this is"
    assert mistakes("documents.notes", {"path": "notes"}) == [missing, allowed]
    null = mistakes("models.base.stage", None)
    assert null == [
        "config: models.base.stage is null.",
        "  allowed: pretrain, import, pretrain_t5, tower, align, tune, dpo, merge",
    ]


def test_choices() -> None:
    told = mistakes("models.base.optimization.schedule", "cosin")
    where = "config: models.base.optimization.schedule"
    assert told == [f"{where} is 'cosin'. Did you mean 'cosine'?", "  allowed: cosine, linear, constant"]
    told = mistakes("world.hazard_domains", ["plant"])
    assert told == [
        "config: world.hazard_domains.0 is 'plant'. Did you mean 'plants'?",
        "  allowed: plants, structures",
    ]


def test_missing_keys_are_all_told() -> None:
    told = mistakes("models.late", {"stage": "pretrain", "start": "base"})
    assert told == [f"config: models.late.{key} is missing: the key is required" for key in ("steps", "tokens")]


def test_a_key_that_is_no_text() -> None:
    with pytest.raises(UserError, match="config: 1 is no known key"):
        validate({**DEFAULT, 1: 2})  # pyright: ignore[reportArgumentType]


def test_numbers_that_yaml_reads_as_text_are_numbers() -> None:
    """YAML 1.1 takes 4e-3 for a string: it lacks the point."""
    raw = overlay(DEFAULT, {"models": {"base": {"optimization": {"peak_learning_rate": "4e-3"}}}})
    model = validate(raw).models["base"]
    assert model.model_dump()["optimization"]["peak_learning_rate"] == 0.004


def test_long_values_and_lists_are_cut() -> None:
    (told,) = mistakes("experiment", ["x" * 300])
    assert len(told) < 200
    assert listed(f"n{i}" for i in range(30)).endswith("n23, ... (6 more)")
    assert listed([]) == "none"


def test_did_you_mean_stays_silent_when_nothing_is_near() -> None:
    assert did_you_mean("seeng", ["seeing", "base"]) == " Did you mean 'seeing'?"
    assert did_you_mean("xyz", ["seeing", "base"]) == ""
    assert did_you_mean("xyz", []) == ""


def test_sentences() -> None:
    assert sentence("a.b", "is 1: must be 2") == "a.b is 1: must be 2"
    assert sentence("a.b", "give one of them") == "a.b: give one of them"


class _Inner(Frozen):
    size: int = 1


class _Outer(Frozen):
    pairs: dict[str, list[_Inner]] = {}  # noqa: RUF012


def test_paths_through_mappings_and_lists() -> None:
    with pytest.raises(ValidationError) as error:
        _Outer.model_validate({"pairs": {"a": [{"size": 1}, {"sise": 2}]}})
    told = [("pairs.a.1.sise", "is no known key. Did you mean 'size'?\n  allowed: size")]
    assert explain(error.value, _Outer) == told


def test_the_default_config_has_no_mistake() -> None:
    assert isinstance(validate(DEFAULT), Experiment)
