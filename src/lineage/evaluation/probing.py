"""Log-probabilities of many short targets under a model that trains, step by step, as an observer of the loop.

Following Chang et al. 2024 (arXiv 2406.11813, definition 1) a probe's value is the mean over its target's tokens of
log p(token | cue, target so far), in nats, in float32 and eval mode, without start or end tokens of our own.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

STEP_SCHEMA = pa.schema(
    [
        pa.field("step", pa.int32(), nullable=False),
        pa.field("probe", pa.int32(), nullable=False),
        pa.field("log_probability", pa.float32(), nullable=False),
    ]
)
"""One row a probe and step: the weights after `step` updates of the run."""
RECORD = "steps.parquet"
_CHUNK_LOGITS = 1 << 22
"""Logits that are read at once, so that a large vocabulary takes no second array of its size."""


@dataclass(frozen=True)
class TokenProbe:
    """A cue and its target; both have a token or more."""

    cue: Sequence[int]
    target: Sequence[int]


class Prober:
    """Scores any choice of a fixed set of probes; a probe's value depends on the weights alone, up to rounding."""

    def __init__(self, probes: Sequence[TokenProbe], *, batch_tokens: int):
        assert all(one.cue and one.target for one in probes)
        self._cue_lengths = np.asarray([len(one.cue) for one in probes])
        self._lengths = self._cue_lengths + np.asarray([len(one.target) for one in probes])
        width = int(self._lengths.max(initial=0))
        self._tokens = torch.zeros(len(probes), width, dtype=torch.long)
        for row, one in enumerate(probes):
            self._tokens[row, : len(one.cue) + len(one.target)] = torch.tensor([*one.cue, *one.target])
        self._batch_tokens = batch_tokens

    @torch.no_grad()
    def __call__(self, model: PreTrainedModel, chosen: np.ndarray) -> np.ndarray:
        """[chosen] float32 mean log-probabilities of the probes with these indices, in their order."""
        values = np.empty(len(chosen), np.float32)
        for places in self._batches(chosen):
            values[places] = self._score(model, chosen[places])
        return values

    def _batches(self, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """Places in `chosen`, longest probes first, cut so that rows * longest row stays within the batch."""
        order = np.lexsort((chosen, -self._cue_lengths[chosen], -self._lengths[chosen]))
        first = 0
        while first < len(order):
            rows = max(1, self._batch_tokens // int(self._lengths[chosen[order[first]]]))
            yield order[first : first + rows]
            first += rows

    def _score(self, model: PreTrainedModel, probes: np.ndarray) -> np.ndarray:
        """One forward pass: a causal model never looks right, so padding on the right changes no value."""
        lengths, cues = self._lengths[probes], self._cue_lengths[probes]
        tokens = self._tokens[torch.from_numpy(probes), : int(lengths.max())].to(model.device)
        row = np.repeat(np.arange(len(probes)), lengths - cues)
        behind = np.arange(len(row)) - np.repeat(np.cumsum(lengths - cues) - (lengths - cues), lengths - cues)
        column = np.repeat(cues, lengths - cues) + behind
        kept, place = np.unique(column - 1, return_inverse=True)
        rows, places = torch.from_numpy(row).to(model.device), torch.from_numpy(place).to(model.device)
        logits = _logits(model, tokens, torch.from_numpy(kept).to(model.device))
        targets = tokens[rows, torch.from_numpy(column).to(model.device)]
        log_probabilities = _log_probabilities(logits, rows, places, targets).cpu().numpy()
        sums = np.bincount(row, log_probabilities.astype(np.float64), len(probes))
        return (sums / (lengths - cues)).astype(np.float32)


def _logits(model: PreTrainedModel, tokens: Tensor, kept: Tensor) -> Tensor:
    """[row, kept, vocabulary]; the output head reads the kept columns only, where the model can."""
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        return model(input_ids=tokens, use_cache=False, logits_to_keep=kept).logits
    return model(input_ids=tokens, use_cache=False).logits[:, kept]


def _log_probabilities(logits: Tensor, rows: Tensor, places: Tensor, targets: Tensor) -> Tensor:
    """log softmax of the chosen positions at their targets, in pieces of bounded memory."""
    at_once = max(1, _CHUNK_LOGITS // logits.shape[-1])
    pieces = []
    for row, place, target in zip(rows.split(at_once), places.split(at_once), targets.split(at_once), strict=True):
        picked = logits[row, place].float()
        pieces.append(picked.gather(-1, target.unsqueeze(-1)).squeeze(-1) - picked.logsumexp(-1))
    return torch.cat(pieces)


class TrajectoryObserver:
    """Probes the facts that are due at a step and keeps what it found in `steps.parquet` of the resume state.

    `due` maps a step of the run to the probes that are measured there; the run's step 0 is step `first_step` of the
    training loop.
    """

    def __init__(self, prober: Prober, due: Mapping[int, np.ndarray], *, folder: Path, first_step: int, writes: bool):
        self._prober = prober
        self._due = due
        self._path = folder / RECORD
        self._first_step = first_step
        self._writes = writes
        self._tables: list[pa.Table] = []

    def restart(self, step: int) -> None:
        """Keeps what was measured before `step`, by an earlier process too."""
        self._tables = []
        if self._path.exists():
            kept = pq.read_table(self._path, schema=STEP_SCHEMA)
            self._tables = [kept.filter(pa.array(kept["step"].to_numpy() < step - self._first_step))]

    def wants(self, step: int) -> bool:
        """Whether any probe is due."""
        return step - self._first_step in self._due

    def observe(self, step: int, model: nn.Module) -> Mapping[str, float]:
        """Measures the due probes; nothing of it goes into training.jsonl."""
        whole = getattr(model, "get_base_model", None)  # of a model wrapped for low-rank updates, which it holds
        model = whole() if whole is not None else model
        assert isinstance(model, PreTrainedModel)
        own = step - self._first_step
        probes = self._due[own]
        values = self._prober(model, probes)
        columns = {"step": np.full(len(probes), own, np.int32), "probe": probes.astype(np.int32)}
        self._tables.append(pa.table({**columns, "log_probability": values}, schema=STEP_SCHEMA))
        return {}

    def save(self) -> None:
        """Writes all that was measured, in one rename."""
        if not self._writes:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_name(f"{RECORD}.partial")
        table = pa.concat_tables(self._tables or [STEP_SCHEMA.empty_table()]).combine_chunks()
        self._tables = [table]
        pq.write_table(table, partial, compression="zstd")
        partial.replace(self._path)


def due_probes(probed_steps: Mapping[str, Sequence[int]], facts: Sequence[str]) -> dict[int, np.ndarray]:
    """{step: probes}, from the steps at which each fact is probed and the fact of each probe.

    >>> due_probes({"a": [0, 2], "b": [2]}, ["a", "b", "a"])
    {0: array([0, 2]), 2: array([0, 1, 2])}
    """
    found: dict[int, list[int]] = {}
    for probe, fact in enumerate(facts):
        for step in probed_steps[fact]:
            found.setdefault(step, []).append(probe)
    return {step: np.asarray(found[step]) for step in sorted(found)}
