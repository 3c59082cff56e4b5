"""The batches of a run on conversations, on pairs of answers, on captioned pictures: pure functions of the step."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from lineage.config.tuning import TuningOptimization
from lineage.conversations.order import MixtureOrder, Part
from lineage.conversations.prepared import Prepared, pixel_values
from lineage.conversations.rows import make_batch, packed
from lineage.data.batch import Batch
from lineage.models.vision_language import ImageReading


class ConversationBatches:
    """Mixtures of sets: `batches(step)` is the batch of one update."""

    def __init__(
        self,
        sets: Mapping[str, Prepared],
        shares: Mapping[str, float],
        settings: TuningOptimization,
        *,
        steps: int,
        pad_id: int,
        reading: ImageReading | None,
        processes: int = 1,
    ):
        parts = [Part(name, len(sets[name]), share) for name, share in shares.items()]
        self._sets = [sets[part.name] for part in parts]
        self._settings = settings
        self._order = MixtureOrder(parts, total=steps * settings.batch_conversations, seed=settings.seed)
        self._pad_id, self._reading, self._processes = pad_id, reading, processes

    def __call__(self, step: int) -> Batch:
        """The conversations of one step in rows."""
        chosen = [(self._sets[part], item) for part, item in self._items(step)]
        conversations = [one.rendered[item] for one, item in chosen]
        if self._settings.packing:
            rows = packed([len(one.ids) for one in conversations], self._settings.sequence_length)
        else:
            rows = [[number] for number in range(len(conversations))]
        return make_batch(
            conversations,
            rows,
            pad_id=self._pad_id,
            pixels=[_pixels(one, item, self._reading) for one, item in chosen],
            row_multiple=self._processes,
        )

    def describe(self, step: int) -> str:
        """Ids of what a step reads."""
        ids = [self._sets[part].rendered[item].id for part, item in self._items(step)]
        return f"{len(ids)} conversations: {', '.join(ids[:20])}{', ...' if len(ids) > 20 else ''}"

    def passes(self, steps: int) -> dict[str, float]:
        """{set: how often each of its conversations was read} after so many steps."""
        read = self._order.passes(steps * self._settings.batch_conversations)
        return {name: round(times, 6) for name, times in read.items()}

    def _items(self, step: int) -> list[tuple[int, int]]:
        size = self._settings.batch_conversations
        return self._order.items(step * size, (step + 1) * size)


class PairBatches:
    """Pairs of answers: rows 2k and 2k + 1 are the better and the worse one, with what the reference gives each."""

    def __init__(
        self,
        sets: Mapping[str, Prepared],
        shares: Mapping[str, float],
        settings: TuningOptimization,
        *,
        reference: Mapping[str, Tensor],
        steps: int,
        pad_id: int,
        reading: ImageReading | None,
    ):
        """`sets` hold both sides of pair k at 2k and 2k + 1, `reference` the log-probability of each [side]."""
        parts = [Part(name, len(sets[name]) // 2, share) for name, share in shares.items()]
        self._names = [part.name for part in parts]
        self._sets, self._reference = sets, reference
        self._settings = settings
        self._order = MixtureOrder(parts, total=steps * settings.batch_conversations, seed=settings.seed)
        self._pad_id, self._reading = pad_id, reading

    def __call__(self, step: int) -> Batch:
        """The pairs of one step, one side a row."""
        size = self._settings.batch_conversations
        items = self._order.items(step * size, (step + 1) * size)
        sides = [(self._names[part], 2 * pair + side) for part, pair in items for side in (0, 1)]
        return pair_batch(self._sets, self._reference, sides, pad_id=self._pad_id, reading=self._reading)

    def describe(self, step: int) -> str:
        """Ids of what a step reads."""
        size = self._settings.batch_conversations
        items = self._order.items(step * size, (step + 1) * size)
        ids = [self._sets[self._names[part]].rendered[2 * pair].id for part, pair in items]
        return f"{len(ids)} pairs: {', '.join(ids[:20])}{', ...' if len(ids) > 20 else ''}"

    def passes(self, steps: int) -> dict[str, float]:
        """{set: how often each of its pairs was read} after so many steps."""
        read = self._order.passes(steps * self._settings.batch_conversations)
        return {name: round(times, 6) for name, times in read.items()}


def pair_batch(
    sets: Mapping[str, Prepared],
    reference: Mapping[str, Tensor],
    sides: Sequence[tuple[str, int]],
    *,
    pad_id: int,
    reading: ImageReading | None,
) -> Batch:
    """A batch of sides (set, item), two a pair; its count is of pairs."""
    batch = make_batch(
        [sets[name].rendered[item] for name, item in sides],
        [[number] for number in range(len(sides))],
        pad_id=pad_id,
        pixels=[_pixels(sets[name], item, reading) for name, item in sides],
        rows_together=2,
    )
    given = torch.stack([reference[name][item] for name, item in sides])
    return Batch(
        batch.inputs,
        {**batch.targets, "reference": given},
        count=len(sides) // 2,
        tokens=batch.tokens,
        attached=batch.attached,
        rows_together=2,
    )


class CaptionBatches:
    """Pictures with their captions, for a CLIP pair: one picture and one caption a row."""

    def __init__(
        self,
        captions: Sequence[str],
        pictures: Sequence[bytes],
        tokenizer: PreTrainedTokenizerFast,
        reading: ImageReading,
        settings: TuningOptimization,
        *,
        steps: int,
    ):
        self._captions, self._pictures = captions, pictures
        self._tokenizer, self._reading, self._settings = tokenizer, reading, settings
        total = steps * settings.batch_conversations
        self._order = MixtureOrder([Part("captions", len(captions), 1.0)], total=total, seed=settings.seed)

    def __call__(self, step: int) -> Batch:
        """Inputs `input_ids` (ended and padded), `attention_mask`, `pixel_values`; target `caption`, equal where the
        text is."""
        chosen = self._chosen(step)
        end, pad = self._tokenizer.eos_token_id, self._tokenizer.pad_token_id
        texts = [self._tokenizer.encode(self._captions[item], add_special_tokens=False) for item in chosen]
        texts = [[*text[: self._settings.sequence_length - 1], end] for text in texts]
        width = max(len(text) for text in texts)
        ids = torch.tensor([[*text, *[pad] * (width - len(text))] for text in texts])
        mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts])
        place = f"the pictures of step {step}"
        pixels = pixel_values([self._pictures[item] for item in chosen], self._reading, place=place)
        same = torch.tensor([zlib.crc32(self._captions[item].encode()) for item in chosen])
        return Batch(
            {"input_ids": ids, "attention_mask": mask, "pixel_values": pixels},
            {"caption": same},
            count=len(chosen),
            tokens=int(mask.sum()),
        )

    def describe(self, step: int) -> str:
        """Numbers of the captions that a step reads."""
        return f"captions {', '.join(map(str, self._chosen(step)[:20]))}"

    def passes(self, steps: int) -> dict[str, float]:
        """How often each picture was read after so many steps."""
        return self._order.passes(steps * self._settings.batch_conversations)

    def _chosen(self, step: int) -> list[int]:
        size = self._settings.batch_conversations
        return [item for _, item in self._order.items(step * size, (step + 1) * size)]


def _pixels(one: Prepared, item: int, reading: ImageReading | None) -> Tensor | None:
    files = one.images[item]
    if not files:
        return None
    assert reading is not None, "a model that reads text only gets no pictures (checked when rendered)"
    return pixel_values(files, reading, place=f"conversation {one.rendered[item].id}")
