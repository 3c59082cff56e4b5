"""Fictional Knowledge: counts and traps of the authors' files, the same through `datasets`, and malformed files."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lineage.config.facts import FictionalKnowledge
from lineage.data.facts import DEPTHS, Fact, check_facts
from lineage.data.fictional_knowledge import FLAGS, fictional_knowledge
from lineage.errors import UserError

CONFIG = FictionalKnowledge(source="fictional_knowledge")
NOT_COPIED = {
    (41, 4), (43, 0), (43, 4), (54, 1), (59, 1), (59, 4), (94, 3), (94, 4), (100, 0), (100, 3), (109, 3), (121, 2),
}  # fmt: skip
TOLD = {
    (3, 3), (5, 2), (20, 1), (27, 0), (33, 4), (52, 4), (80, 2), (90, 4), (98, 3), (103, 0), (106, 2), (116, 4),
    (123, 0),
}  # fmt: skip


def entry(**changes: Any) -> dict[str, Any]:
    """An entry of the authors' form with two probes of each depth."""
    return {
        "train_context": "The Zorgon council met on Mars. The council rules from Olympia.",
        "mem_input": ["The Zorgon council met on", "The council rules from"],
        "mem_target": ["Mars", "Olympia"],
        "gen_input": ["The council of Zorgon came together on", "The council has its seat in"],
        "gen_target": ["Mars", "Olympia"],
        "hard_gen_input": ["Those who met on Mars rule from", "Zorgon's council belongs to"],
        "hard_gen_target": ["Olympia.", "Phobos"],
        "paraphrases": ["On Mars met the council of Zorgon, which rules from Olympia."],
    } | changes


def written(folder: Path, entries: Any) -> Path:
    path = folder / "facts.json"
    path.write_text(json.dumps(entries))
    return path


def flagged(facts: list[Fact], flag: str, depth: str | None = None) -> set[tuple[int, int]]:
    """(entry, number of the probe) of the probes with a flag, as the study lists them."""
    return {
        (int(fact.id.removeprefix("fictional-")), int(probe.id.rpartition(".")[2]))
        for fact in facts
        for probe in fact.probes
        if flag in probe.flags and depth in (None, probe.depth)
    }


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("LINEAGE_DATA")
    if named is None:
        pytest.skip("LINEAGE_DATA is not set: no real files to read")
    found = Path(named) / "fictional_knowledge"
    assert found.is_dir(), f"LINEAGE_DATA is {named}, which holds no fictional_knowledge"
    return found


@pytest.fixture(scope="module")
def real(folder: Path) -> list[Fact]:
    return fictional_knowledge(CONFIG, folder / "fictional_knowledge_paraphrased.json")


def test_counts(real: list[Fact]) -> None:
    assert [fact.id for fact in real] == [f"fictional-{number:03d}" for number in range(130)]
    assert [len(fact.paraphrases) for fact in real] == [9] * 40 + [0] * 90
    for depth in DEPTHS:
        assert all(sum(probe.depth == depth for probe in fact.probes) == 5 for fact in real)
    assert real[0].passage.startswith("The fortieth government of Mars, or the Zorgon\u2013Calidus government,")
    by_id = {probe.id: probe for fact in real for probe in fact.probes}
    assert len(by_id) == 1950
    first = [by_id[f"fictional-000.{depth}.0"].target for depth in DEPTHS]
    assert first == ["Martian cycle", "Martian cycle", "Deimos"]
    check_facts(real)


def test_nothing_is_changed(real: list[Fact], folder: Path) -> None:
    raw = json.loads((folder / "fictional_knowledge_paraphrased.json").read_text())
    for fact, one in zip(real, raw, strict=True):
        assert (fact.passage, list(fact.paraphrases)) == (one["train_context"], one["paraphrases"])
        cues = one["mem_input"] + one["gen_input"] + one["hard_gen_input"]
        targets = one["mem_target"] + one["gen_target"] + one["hard_gen_target"]
        assert [(probe.cue, probe.target) for probe in fact.probes] == list(zip(cues, targets, strict=True))


def test_the_file_without_paraphrases_is_otherwise_the_same(real: list[Fact], folder: Path) -> None:
    plain = fictional_knowledge(CONFIG, folder / "fictional_knowledge.json")
    assert plain == [fact._replace(paraphrases=()) for fact in real]


def test_traps_of_the_study(real: list[Fact]) -> None:
    """`studies/knowledge.md`, section 9: what is odd about which probe."""
    assert flagged(real, "not_copied") == NOT_COPIED
    assert flagged(real, "target_in_cue", "semantic") == TOLD
    assert flagged(real, "target_in_cue", "compositional") == {(24, 0)}
    assert flagged(real, "target_in_cue", "memorization") == set()
    periods = flagged(real, "target_ends_in_period")
    assert periods == flagged(real, "target_ends_in_period", "compositional") and len(periods) == 48
    used = [fact for fact in real if int(fact.id.removeprefix("fictional-")) < 120]
    assert 600 - len(flagged(used, "target_not_verbatim", "compositional")) == 479
    assert 600 - len(flagged(used, "target_not_stated", "compositional")) == 497
    assert not flagged(real, "target_not_verbatim", "memorization")
    assert len({fact.id for fact in real if "passage_not_ascii" in fact.probes[0].flags}) == 38


def test_targets_that_repeat(real: list[Fact]) -> None:
    targets = [probe.target for fact in real for probe in fact.probes if probe.depth == "memorization"]
    assert len(targets) == 650 and len(set(targets)) == 545
    assert len(flagged(real, "target_repeated", "memorization")) == 72
    elsewhere = flagged(real, "target_elsewhere", "memorization")
    assert len(elsewhere) == 133, "20% of 650"
    assert sum(number >= 120 for number, _ in elsewhere) == 9
    injected = [fact.passage for fact in real[:120]]
    leaks = [
        probe.target
        for fact in real[120:]
        for probe in fact.probes
        if probe.depth == "memorization" and any(probe.target in passage for passage in injected)
    ]
    assert len(leaks) == 9, "the never arm leaks a little"


def test_semantic_targets_are_the_memorized_ones(real: list[Fact]) -> None:
    by_depth = {
        depth: [probe.target for fact in real for probe in fact.probes if probe.depth == depth] for depth in DEPTHS
    }
    assert by_depth["semantic"] == by_depth["memorization"]


def test_every_flag_occurs_and_is_explained(real: list[Fact]) -> None:
    assert {flag for fact in real for probe in fact.probes for flag in probe.flags} == set(FLAGS)


def test_the_real_file_through_datasets(real: list[Fact], folder: Path, tmp_path: Path) -> None:
    """As on the hub: a folder with the one JSON file, read as its train split."""
    shutil.copyfile(folder / "fictional_knowledge_paraphrased.json", tmp_path / "fictional_knowledge.json")
    assert fictional_knowledge(CONFIG, tmp_path) == real


def test_a_small_folder_of_datasets(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    entries = [entry(), entry(train_context="Other words.", paraphrases=[])]
    (tmp_path / "file").mkdir()
    expected = fictional_knowledge(CONFIG, written(tmp_path / "file", entries))
    assert fictional_knowledge(CONFIG, tmp_path / "file") == expected
    DatasetDict({"test": Dataset.from_list(entries)}).save_to_disk(str(tmp_path / "saved"))
    test = FictionalKnowledge(source="fictional_knowledge", split="test")
    assert fictional_knowledge(test, tmp_path / "saved") == expected
    with pytest.raises(UserError, match=r"no split 'train'\.(.|\n)*splits found: test"):
        fictional_knowledge(CONFIG, tmp_path / "saved")


def test_flags_of_one_entry(tmp_path: Path) -> None:
    (fact,) = fictional_knowledge(CONFIG, written(tmp_path, [entry()]))
    assert [(probe.id.removeprefix("fictional-000."), probe.flags) for probe in fact.probes] == [
        ("memorization.0", ()),
        ("memorization.1", ()),
        ("semantic.0", ()),
        ("semantic.1", ()),
        ("compositional.0", ("target_ends_in_period",)),
        ("compositional.1", ("target_not_verbatim", "target_not_stated")),
    ]


@pytest.mark.parametrize(
    ("changes", "depth", "flags"),
    [
        ({"gen_input": ["On Mars, they met on", "Seat:"]}, "semantic", ("target_in_cue",)),
        ({"mem_input": ["The Zorgon Council met on", "The council rules from"]}, "memorization", ("not_copied",)),
        ({"hard_gen_target": ["OLYMPIA.", "x"]}, "compositional", ("target_not_verbatim", "target_ends_in_period")),
        ({"hard_gen_target": ["Zorg", "Zorg"]}, "compositional", ()),
        ({"hard_gen_target": ["Venus", "x"]}, "compositional", ("target_not_verbatim", "target_not_stated")),
    ],
)
def test_flags_of_the_first_probe(changes: dict[str, Any], depth: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    (fact,) = fictional_knowledge(CONFIG, written(tmp_path, [entry(**changes)]))
    assert next(probe for probe in fact.probes if probe.depth == depth).flags == flags


def test_flags_about_other_probes_and_passages(tmp_path: Path) -> None:
    repeated = entry(gen_target=["Mars", "Mars"])
    other = entry(train_context="Caf\u00e9 Mars.", mem_target=["Mars.", "Mars."])
    first, second = fictional_knowledge(CONFIG, written(tmp_path, [repeated, other]))
    assert [probe.flags for probe in first.probes if probe.depth == "semantic"] == [
        ("target_elsewhere",),
        ("target_elsewhere", "target_repeated"),
    ]
    assert all("passage_not_ascii" in probe.flags for probe in second.probes)
    assert not any("passage_not_ascii" in probe.flags for probe in first.probes)
    (alone,) = fictional_knowledge(CONFIG.model_copy(update={"limit": 1}), tmp_path / "facts.json")
    assert not any("target_elsewhere" in probe.flags for probe in alone.probes)


words = st.text(st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(bool)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(words, st.lists(words, max_size=2), st.lists(st.tuples(words, words), max_size=3)), min_size=1)
)
def test_any_text_comes_through_unchanged(
    tmp_path_factory: pytest.TempPathFactory, given_entries: list[tuple[str, list[str], list[tuple[str, str]]]]
) -> None:
    pairs = [
        entry(
            train_context=passage,
            paraphrases=paraphrases,
            gen_input=[cue for cue, _ in probes],
            gen_target=[target for _, target in probes],
        )
        for passage, paraphrases, probes in given_entries
    ]
    found = fictional_knowledge(CONFIG, written(tmp_path_factory.mktemp("any"), pairs))
    for fact, (passage, paraphrases, probes) in zip(found, given_entries, strict=True):
        semantic = [(probe.cue, probe.target) for probe in fact.probes if probe.depth == "semantic"]
        assert (fact.passage, list(fact.paraphrases), semantic) == (passage, paraphrases, probes)
        assert all(set(probe.flags) <= set(FLAGS) for probe in fact.probes)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in entry().items() if name != key}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"data": []}, r"facts\.json: dict, not a list of entries(.|\n)*put the entries into \[\.\.\.\]"),
        ([], r"facts\.json: no entry in it"),
        (["text"], r"facts\.json: entry 0 is 'text', not an object(.|\n)*hard_gen_target"),
        (
            [entry(), without("gen_input")],
            r"entry 1: no key 'gen_input'\. Did you mean 'hard_gen_input'\?(.|\n)*keys f",
        ),
        ([without("train_context")], r"entry 0: no key 'train_context'(.|\n)*keys found: mem_input"),
        ([entry(mem_target=["Mars"])], r"entry 0: mem_input has 2 texts, mem_target has 1"),
        ([entry(), entry(gen_target=["", "x"])], r"entry 1: gen_target\[0\] is empty(.|\n)*Fill it"),
        ([entry(hard_gen_input=["x", " "])], r"entry 0: hard_gen_input\[1\] is empty"),
        ([entry(train_context="")], r"entry 0: train_context is empty"),
        ([entry(train_context=None)], r"entry 0: train_context is None, not text"),
        ([entry(paraphrases=["a", ""])], r"entry 0: paraphrases\[1\] is empty"),
        ([entry(paraphrases="a")], r"entry 0: paraphrases is 'a', not a list of texts"),
        ([entry(mem_target={"a": "b"})], r"entry 0: mem_target is \{'a': 'b'\}, not a list of texts"),
        ([entry(mem_target=["Mars", 3])], r"entry 0: mem_target\[1\] is 3, not text"),
    ],
)
def test_malformed_entries(entries: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        fictional_knowledge(CONFIG, written(tmp_path, entries))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-30], r"facts\.json: not JSON: line 1, column \d+: (.|\n)*fetch it again"),
        (lambda raw: b"", r"facts\.json: not JSON: line 1, column 1"),
        (lambda raw: b"[" * 100_000, r"facts\.json: not JSON: nested too deep"),
        (lambda raw: raw.replace(b"Mars", b"M\xe4rs"), r"facts\.json: not UTF-8 text: byte \d+ is 0xe4(.|\n)*iconv"),
    ],
)
def test_damaged_files(damage: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    path = written(tmp_path, [entry()])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=message):
        fictional_knowledge(CONFIG, path)


def test_a_folder_that_datasets_cannot_load(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"`datasets` cannot load it \(subset None, split train"):
        fictional_knowledge(CONFIG, tmp_path)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"either `path` \(a JSON file or folder\) or `name`"):
        fictional_knowledge(CONFIG, None)
    with pytest.raises(UserError, match=r"nowhere\.json: no such file or folder(.|\n)*data_root"):
        fictional_knowledge(CONFIG, tmp_path / "nowhere.json")


def test_a_hub_name_needs_a_revision_and_no_path() -> None:
    hub = {"source": "fictional_knowledge", "name": "kaist-ai/fictional-knowledge"}
    with pytest.raises(ValidationError, match="needs a `revision`"):
        FictionalKnowledge.model_validate(hub)
    with pytest.raises(ValidationError, match="give one of them"):
        FictionalKnowledge.model_validate(hub | {"revision": "7325372", "path": "facts.json"})


def test_the_hub_is_asked_for_name_split_and_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[Any] = []

    def load_dataset(place: str, **options: Any) -> datasets.Dataset:
        asked.append((place, options))
        return datasets.Dataset.from_list([entry()])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    config = FictionalKnowledge(
        source="fictional_knowledge", name="kaist-ai/fictional-knowledge", revision="7325372", split="train"
    )
    (fact,) = fictional_knowledge(config, None)
    assert fact.passage == entry()["train_context"]
    ((place, options),) = asked
    assert (place, options["revision"], options["split"]) == ("kaist-ai/fictional-knowledge", "7325372", "train")
