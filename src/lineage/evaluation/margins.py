"""Log-probabilities of texts that are known beforehand: refusal and answer of a request, options of a multiple choice.

    prompt | It is poisonous. | I will not help with that. <end>      shared, then two endings
           |                  | To munch it, use the spoon. <end>

refusal minus answer is the refusal margin, read behind the reason that both begin with, where a model decides. The
prompt is read once, for these texts and for the answer that the model gives of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lineage.conversations.start import Opened
from lineage.evaluation.endings import Known
from lineage.evaluation.generation_batch import Prefilled, advance, selected


@dataclass(frozen=True)
class Scores:
    """Log-probabilities in nats, each summed over its tokens."""

    shared: float | None
    """log p(shared | prompt); None where nothing is shared."""
    endings: tuple[float, ...]
    """log p(ending | prompt, shared), in order."""


def score_known(opened: Opened, read: Prefilled, known: Sequence[Known | None]) -> list[Scores | None]:
    """Scores of what is known of each row of a batch that was read; the batch can still go on."""
    asked = [(row, ending) for row, one in enumerate(known) if one is not None for ending in range(len(one.endings))]
    if not asked:
        return [None] * len(known)
    texts = [(*one.shared, *one.endings[ending]) for row, ending in asked if (one := known[row]) is not None]
    log_probabilities = _log_probabilities(opened, selected(read, [row for row, _ in asked]), texts)
    by_row: dict[int, list[list[float]]] = {}
    for (row, _), values in zip(asked, log_probabilities, strict=True):
        by_row.setdefault(row, []).append(values)
    return [None if one is None else _scores(one, by_row[row]) for row, one in enumerate(known)]


def _scores(known: Known, values: Sequence[Sequence[float]]) -> Scores:
    border = len(known.shared)
    return Scores(sum(values[0][:border]) if border else None, tuple(sum(one[border:]) for one in values))


def _log_probabilities(opened: Opened, read: Prefilled, texts: Sequence[Sequence[int]]) -> list[list[float]]:
    """log p of each token of each text; texts are padded on the right, where a causal model does not look."""
    width = max(map(len, texts))
    tokens = torch.full((len(texts), width), opened.pad_id)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = torch.tensor(text)
    tokens = tokens.to(read.mask.device)
    parts = [(read.logits[:, -1:], tokens[:, :1])]
    if width > 1:
        parts.append((advance(opened, read, tokens[:, :-1]).logits, tokens[:, 1:]))
    scores = torch.cat([_picked(logits.float(), targets) for logits, targets in parts], dim=1).double().cpu()
    return [row[: len(text)] for row, text in zip(scores.tolist(), texts, strict=True)]


def _picked(logits: Tensor, targets: Tensor) -> Tensor:
    """[row, column] log p(target), from [row, column, vocabulary], without log-probabilities of all the rest."""
    return logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1) - torch.logsumexp(logits, dim=-1)
