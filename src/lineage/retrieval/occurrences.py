"""Contextual states of all identifier tokens, on the disk, token after token: millions of them in bounded memory.

Every occurrence's place is known before any is encoded, so states are written where clustering will read them. Files
hold whole groups, about a gigabyte each. An interrupted encoding goes on behind the documents that were flushed last.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from lineage.artifact import write_durably
from lineage.evaluation.log_probability import batches_by_length
from lineage.progress import Progress
from lineage.retrieval.clustering.groups import States
from lineage.retrieval.titles import Context, Input, Titles, read_inputs
from lineage.retrieval.vocabulary import END, PAD, Floats, Ints

SHARD_BYTES = 1 << 30
"""Size of a file, unless one group alone is larger."""
_DONE = "done.json"


@dataclass(frozen=True)
class Occurrences:
    """Where the state of each identifier token of each distinct input lies."""

    group_token: Ints
    """[group] int32: padding, end, then every token of any identifier, rising."""
    group_first: Ints
    """[group + 1] int64: group g has the states `group_first[g]` to `group_first[g + 1]` - 1."""
    place: Ints
    """[token of all identifiers] int64: its state; documents that read the same share theirs."""
    weight: Floats
    """[state] float32: documents that share it."""

    @classmethod
    def of(cls, titles: Titles) -> Occurrences:
        """Padding and end have one state each; others lie by token, then in the order of documents."""
        lengths = np.diff(titles.first)
        document = np.repeat(np.arange(titles.num_documents), lengths)
        own = titles.source[document] == document
        tokens, group = np.unique(np.concatenate([[PAD, END], titles.token[own]]), return_inverse=True)
        order = np.argsort(group, kind="stable")
        place_of_own = np.empty(len(group), np.int64)
        place_of_own[order] = np.arange(len(order))
        place = np.empty(len(document), np.int64)
        place[own] = place_of_own[2:]
        step = np.arange(len(document)) - titles.first[document]
        place = place[titles.first[titles.source[document]] + step]
        sizes = np.bincount(group)
        weight = np.bincount(place, minlength=len(group)).astype(np.float32)
        weight[place_of_own[:2]] += 1
        return cls(tokens.astype(np.int32), np.concatenate([[0], np.cumsum(sizes)]), place, weight)

    @property
    def num_states(self) -> int:
        """States on the disk."""
        return int(self.group_first[-1])


class StateFiles:
    """The states [state, d] float32 of all groups in files of whole groups."""

    def __init__(self, folder: Path, occurrences: Occurrences, width: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._occurrences, self._done = occurrences, folder / _DONE
        self.bounds = _bounds(occurrences.group_first, max(1, SHARD_BYTES // (4 * width)))
        """Groups at which files begin, and the number of groups."""
        self._first = occurrences.group_first[self.bounds]
        self._files: list[Floats] = []
        for number, (start, stop) in enumerate(zip(self._first[:-1], self._first[1:], strict=True)):
            path, shape = folder / f"states-{number:05d}.npy", (int(stop - start), width)
            new = not self._done.exists()
            self._files.append(open_memmap(path, mode="w+" if new else "r+", dtype=np.float32, shape=shape))

    @property
    def documents_done(self) -> int:
        """Documents whose states are on the disk for certain."""
        return json.loads(self._done.read_text())["documents"] if self._done.exists() else 0

    def write(self, place: Ints, states: Floats) -> None:
        """Puts states [state, d] at their places [state]."""
        shard = np.searchsorted(self._first, place, side="right") - 1
        for number in np.unique(shard):
            chosen = shard == number
            self._files[number][place[chosen] - self._first[number]] = states[chosen]

    def flush(self, documents: int) -> None:
        """Waits for the disk, then notes how many documents are done."""
        for file in self._files:
            assert isinstance(file, np.memmap)
            file.flush()
        write_durably(self._done, json.dumps({"documents": documents}).encode())

    def shards(self) -> list[States]:
        """The states of each file, with group bounds of its own."""
        first, weight = self._occurrences.group_first, self._occurrences.weight
        return [
            States(file, weight[begin : begin + len(file)], first[start : stop + 1] - begin)
            for file, begin, start, stop in zip(
                self._files, self._first[:-1], self.bounds[:-1], self.bounds[1:], strict=True
            )
        ]


@torch.no_grad()
def encode_titles(
    encoder: nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    documents: Path,
    titles: Titles,
    occurrences: Occurrences,
    context: Context,
    files: StateFiles,
    *,
    batch_tokens: int,
    save_minutes: float,
) -> None:
    """Fills `files` with the encoder's last hidden states of all identifier tokens, in eval mode.

    Raises:
        UserError: an identifier that is too long, or that its context changes.
    """
    encoder.eval()
    begin = files.documents_done
    if begin == 0:
        for token in (PAD, END):
            place = occurrences.group_first[token : token + 1]
            files.write(place, _last_states(encoder, [Input(-1, [token], 1)])[0])
    with Progress("encoding identifiers", total=titles.num_documents, unit="documents", done=begin) as progress:
        saved = time.monotonic()
        for done, inputs in read_inputs(documents, tokenizer, context, titles, start=begin):
            for rows in batches_by_length([len(one.tokens) for one in inputs], batch_tokens):
                batch = [inputs[row] for row in rows]
                for one, states in zip(batch, _last_states(encoder, batch), strict=True):
                    own = slice(titles.first[one.document], titles.first[one.document + 1])
                    files.write(occurrences.place[own], states)
            progress.advance(done - begin)
            begin = done
            if time.monotonic() - saved >= 60 * save_minutes:
                files.flush(done)
                saved = time.monotonic()
    files.flush(titles.num_documents)


def _last_states(encoder: nn.Module, inputs: list[Input]) -> list[Floats]:
    """[token of the identifier, d] of each input; padding is hidden from the encoder."""
    device = next(encoder.parameters()).device
    longest = max(len(one.tokens) for one in inputs)
    tokens = torch.full((len(inputs), longest), PAD)
    mask = torch.zeros(len(inputs), longest, dtype=torch.long)
    for row, one in enumerate(inputs):
        tokens[row, : len(one.tokens)] = torch.tensor(one.tokens)
        mask[row, : len(one.tokens)] = 1
    states: Tensor = encoder(input_ids=tokens.to(device), attention_mask=mask.to(device)).last_hidden_state
    kept = max(one.title_length for one in inputs)
    found = states[:, :kept].float().cpu().numpy()
    return [found[row, : one.title_length] for row, one in enumerate(inputs)]


def _bounds(group_first: Ints, states: int) -> Ints:
    """Groups at which files begin, each of about `states` states or of one larger group; the end too."""
    bounds = [0]
    for group in range(1, len(group_first) - 1):
        if group_first[group + 1] - group_first[bounds[-1]] > states:
            bounds.append(group)
    return np.array([*bounds, len(group_first) - 1])
