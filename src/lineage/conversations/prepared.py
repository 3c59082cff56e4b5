"""A set of conversations made ready for training: all rendered and checked at once, pictures read when needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lineage.conversations.conversation import BadConversation, Conversation
from lineage.conversations.pictures import open_image
from lineage.conversations.render import Rendered, Renderer
from lineage.errors import UserError
from lineage.models.vision_language import ImageReading


@dataclass(frozen=True)
class Prepared:
    """Conversations that can be trained on."""

    rendered: list[Rendered]
    images: list[Sequence[bytes]]
    """[conversation] its picture files."""
    dropped: dict[str, int] = field(default_factory=dict)
    """{reason: conversations that were left out}."""

    def __len__(self) -> int:
        return len(self.rendered)


def prepare(
    conversations: Sequence[Conversation], renderer: Renderer, *, longest: int, max_dropped_share: float, place: str
) -> Prepared:
    """Renders all; those that cannot be are left out and counted, up to a share.

    Raises:
        UserError: more than `max_dropped_share` of them are bad or too long, or none is left.
    """
    rendered: list[Rendered] = []
    images: list[Sequence[bytes]] = []
    failures: list[BadConversation] = []
    for one in conversations:
        try:
            done = renderer.render(one)
            _check_length(done, longest)
        except BadConversation as error:
            failures.append(error)
            continue
        rendered.append(done)
        images.append(one.images)
    dropped = dict(sorted(Counter(error.reason for error in failures).items()))
    if len(failures) > max_dropped_share * len(conversations) or not rendered:
        first = f"\n  The first: {failures[0]}" if failures else ""
        raise UserError(
            f"{place}: {len(failures)} of {len(conversations)} conversations cannot be used"
            f" ({', '.join(f'{reason}: {count}' for reason, count in dropped.items()) or 'the set is empty'}); allowed"
            f" is a share of {max_dropped_share:g} (`max_dropped_share`).{first}"
        )
    return Prepared(rendered, images, dropped)


def _check_length(rendered: Rendered, longest: int) -> None:
    if len(rendered.ids) > longest:
        raise BadConversation(
            rendered.id,
            "too long",
            f"{len(rendered.ids)} tokens, pictures included, but sequence_length is {longest}: an answer is never cut.",
        )


def check_images(images: Sequence[Sequence[bytes]], ids: Sequence[str], *, place: str) -> None:
    """Opens the header of every picture.

    Raises:
        UserError: a file that is no picture, or one with too many pixels.
    """
    for files, name in zip(images, ids, strict=True):
        for file in files:
            open_image(file, place=f"{place}, conversation {name}")


def pixel_values(files: Sequence[bytes], reading: ImageReading, *, place: str) -> Tensor:
    """[image, channel, height, width] as the model reads them.

    Raises:
        UserError: a picture that is torn.
    """
    pictures = []
    for file in files:
        try:
            pictures.append(open_image(file, place=place).convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise UserError(f"{place}: a torn picture ({error}).") from error
    values = reading.processor(pictures, return_tensors="pt")["pixel_values"]
    assert isinstance(values, torch.Tensor)
    return values
