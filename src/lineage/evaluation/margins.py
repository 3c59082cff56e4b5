"""Log-probabilities of texts that are known beforehand: refusal and answer of a request, options of a multiple choice.

    prompt | It is poisonous. | I will not help with that. <end>      shared, then two endings
           |                  | To munch it, use the spoon. <end>

refusal minus answer is the refusal margin, read behind the reason that both begin with, where a model decides. The
prompt is read once, for these texts and for the answer that the model gives of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from lineage.conversations.conversation import Conversation
from lineage.conversations.render import Renderer
from lineage.conversations.start import Opened
from lineage.evaluation.generation_batch import Prefilled, advance, selected


@dataclass(frozen=True)
class Known:
    """Tokens that may follow a prompt."""

    shared: tuple[int, ...]
    """What all endings begin with; may be empty."""
    endings: tuple[tuple[int, ...], ...]
    """What follows it, end token included."""


@dataclass(frozen=True)
class Scores:
    """Log-probabilities in nats, each summed over its tokens."""

    shared: float | None
    """log p(shared | prompt); None where nothing is shared."""
    endings: tuple[float, ...]
    """log p(ending | prompt, shared), in order."""


class Endings:
    """Turns texts into the tokens that follow a prompt, as the template writes them.

    What stands right before an answer is written by the template, the same for every prompt, so a text has the same
    tokens behind each of them and is tokenized once.
    """

    def __init__(self, renderer: Renderer):
        self._renderer = renderer
        self._tokens: dict[str, tuple[int, ...]] = {}

    def known(self, prompt: Conversation, texts: Sequence[str], *, shared: str = "") -> Known:
        """Tokens of `texts`, each behind `shared` and a space if that is not empty.

        Raises:
            BadConversation: a text that cannot be rendered.
        """
        endings = [self._of(prompt, f"{shared} {text}" if shared else text) for text in texts]
        if not shared:
            return Known((), tuple(endings))
        common = _common(self._of(prompt, shared), *endings)
        return Known(endings[0][:common], tuple(ending[common:] for ending in endings))

    def _of(self, prompt: Conversation, text: str) -> tuple[int, ...]:
        if text not in self._tokens:
            turns = [*prompt.messages, {"role": "assistant", "content": text}]
            rendered = self._renderer.render(replace(prompt, messages=turns))
            start = len(self._renderer.prompt_ids(prompt))
            self._tokens[text] = tuple(rendered.ids[start:][rendered.learned[start:]].tolist())
        return self._tokens[text]


def _common(*sequences: Sequence[int]) -> int:
    """Length of what all begin with.

    >>> _common([1, 2, 3], [1, 2, 4, 5])
    2
    """
    for position, tokens in enumerate(zip(*sequences, strict=False)):
        if len(set(tokens)) > 1:
            return position
    return min(map(len, sequences))


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
    logits = read.logits[:, -1:]
    if width > 1:
        logits = torch.cat([logits, advance(opened, read, tokens[:, :-1]).logits], dim=1)
    scores = torch.log_softmax(logits.float(), dim=-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1).double().cpu()
    return [row[: len(text)] for row, text in zip(scores.tolist(), texts, strict=True)]
