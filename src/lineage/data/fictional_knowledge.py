"""Fictional Knowledge: 130 passages about what does not exist, with five probes of each depth.

The data set of Chang et al. 2024 (arXiv 2406.11813), made by GPT-4. It is kept as it is; what is odd about a probe is
said by its flags. The authors call semantic probes `gen` and compositional ones `hard_gen`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from lineage.config.facts import FictionalKnowledge
from lineage.config.messages import did_you_mean, listed
from lineage.data import hub
from lineage.data.facts import Fact, Probe, probe_id
from lineage.errors import UserError

KEYS_OF_DEPTH = {"memorization": "mem", "semantic": "gen", "compositional": "hard_gen"}
"""Depth -> how the keys `<...>_input` and `<...>_target` begin."""

FLAGS: dict[str, str] = {
    "target_in_cue": "the cue tells its target",
    "target_not_verbatim": "the target does not stand in the passage as it is written",
    "target_not_stated": "nor does it up to case and a final period",
    "target_ends_in_period": "the target is the end of a sentence, period included",
    "target_elsewhere": "the target stands in the passage of another fact too",
    "target_repeated": "a probe of the same depth and fact before it has the same target",
    "not_copied": "a memorization probe whose cue and target are no exact part of the passage",
    "passage_not_ascii": "the passage holds characters outside ASCII, which cost several tokens",
}
"""What a flag says of a probe."""


def fictional_knowledge(config: FictionalKnowledge, source: Path | None) -> list[Fact]:
    """The facts in the order of the file, named `fictional-000`, `fictional-001`, ...

    `source` is a JSON file or a folder that `datasets` loads; without it `config.name` is read from the hub. Flags
    about other passages are about the passages that are read (see `limit`).

    Raises:
        UserError: nothing to read, or an entry of another form; with file, entry (from 0) and key.
    """
    if (config.name is None) == (source is None):
        raise UserError("fictional_knowledge needs either `path` (a JSON file or folder) or `name` (a hub id)")
    if source is not None and not source.exists():
        raise UserError(f"{source}: no such file or folder.\n  Set `path` relative to `data_root`.")
    if source is not None and source.is_file():
        place, entries = str(source), _json_entries(source)
    else:
        found = source if source is not None else str(config.name)
        place = f"{found} ({config.split})"
        data = hub.load(found, subset=None, split=config.split, revision=config.revision, streaming=True)
        entries = hub.rows(data, place)
    facts = [
        _fact(number, entry, f"{place}: entry {number}")
        for number, entry in islice(enumerate(entries), config.skip, config.stop)
    ]
    if not facts:
        raise UserError(f"{place}: no entry in it behind the first {config.skip}.\n  Lower `skip`, or fetch it again.")
    return list(_flagged(facts))


def _json_entries(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        entries = json.loads(path.read_bytes())
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 text: byte {error.start:,} is 0x{error.object[error.start]:02x} ({error.reason}).\n"
            "  Convert the file (iconv -f latin1 -t utf-8), decompress it, or fetch it again if it is torn."
        ) from error
    except (json.JSONDecodeError, RecursionError) as error:
        where = (
            f"line {error.lineno}, column {error.colno}: {error.msg}"
            if isinstance(error, json.JSONDecodeError)
            else "nested too deep"
        )
        raise UserError(
            f"{path}: not JSON: {where}.\n  The file is torn or of another format: fetch it again."
        ) from error
    if not isinstance(entries, list):
        raise UserError(
            f"{path}: {type(entries).__name__}, not a list of entries.\n"
            "  Fictional Knowledge is one JSON list of objects: put the entries into [...], or name another file."
        )
    yield from entries


def _fact(number: int, entry: object, place: str) -> Fact:
    if not isinstance(entry, Mapping):
        raise UserError(
            f"{place} is {entry!r:.60}, not an object.\n  An entry has the keys {', '.join(_keys())}: mend it."
        )
    name = f"fictional-{number:03d}"
    passage = _text(_value(entry, "train_context", place), f"{place}: train_context")
    paraphrases = _texts(entry, "paraphrases", place) if "paraphrases" in entry else []
    probes: list[Probe] = []
    for depth, stem in KEYS_OF_DEPTH.items():
        cues, targets = (_texts(entry, f"{stem}_{part}", place) for part in ("input", "target"))
        if len(cues) != len(targets):
            raise UserError(
                f"{place}: {stem}_input has {len(cues)} texts, {stem}_target has {len(targets)}.\n"
                "  Every input needs its target: mend the entry or fetch the file again."
            )
        probes += [
            Probe(probe_id(name, depth, index), depth, cue, target)
            for index, (cue, target) in enumerate(zip(cues, targets, strict=True))
        ]
    return Fact(name, passage, tuple(paraphrases), tuple(probes))


def _keys() -> list[str]:
    parts = [f"{stem}_{part}" for stem in KEYS_OF_DEPTH.values() for part in ("input", "target")]
    return ["train_context", *parts]


def _value(entry: Mapping[str, Any], key: str, place: str) -> Any:
    if key not in entry:
        raise UserError(
            f"{place}: no key '{key}'.{did_you_mean(key, entry)}\n"
            f"  keys found: {listed(entry)}\n  An entry has the keys {', '.join(_keys())}."
        )
    return entry[key]


def _texts(entry: Mapping[str, Any], key: str, place: str) -> list[str]:
    values = _value(entry, key, place)
    if not isinstance(values, list):
        raise UserError(f"{place}: {key} is {values!r:.60}, not a list of texts.\n  Mend it: [...].")
    return [_text(value, f"{place}: {key}[{index}]") for index, value in enumerate(values)]


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{place} is {value!r:.60}, not text.\n  Mend the entry or fetch the file again.")
    if not value.strip():
        raise UserError(f"{place} is empty.\n  Fill it, or take input and target out of the entry together.")
    return value


def _flagged(facts: Sequence[Fact]) -> Iterator[Fact]:
    """The facts with the flags of their probes."""
    for fact in facts:
        others = [other.passage for other in facts if other is not fact]
        seen: set[tuple[str, str]] = set()
        probes: list[Probe] = []
        for probe in fact.probes:
            repeated = (probe.depth, probe.target) in seen
            flags = [*_flags(probe, fact.passage, others), *(["target_repeated"] if repeated else [])]
            seen.add((probe.depth, probe.target))
            probes.append(probe._replace(flags=tuple(flag for flag in FLAGS if flag in flags)))
        yield fact._replace(probes=tuple(probes))


def _flags(probe: Probe, passage: str, others: Iterable[str]) -> Iterator[str]:
    """Flags of one probe but for repetition; texts are compared as written, but for `target_not_stated`."""
    if probe.target in probe.cue:
        yield "target_in_cue"
    if probe.target not in passage:
        yield "target_not_verbatim"
    if probe.target.casefold().removesuffix(".") not in passage.casefold():
        yield "target_not_stated"
    if probe.target.endswith("."):
        yield "target_ends_in_period"
    if any(probe.target in other for other in others):
        yield "target_elsewhere"
    if probe.depth == "memorization" and f"{probe.cue} {probe.target}" not in passage:
        yield "not_copied"
    if not passage.isascii():
        yield "passage_not_ascii"
