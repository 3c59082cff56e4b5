"""A model that goes on with conversations, and the sets that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lineage.artifact import Artifact
from lineage.config.tuning import Template
from lineage.conversations.conversation import Conversation
from lineage.conversations.prepared import Prepared, check_images, prepare
from lineage.conversations.render import Renderer
from lineage.conversations.table import CONVERSATIONS, read_conversations
from lineage.conversations.templates import check_marked, shipped
from lineage.errors import UserError
from lineage.models.decoder import check_vocabulary, open_tokenizer
from lineage.models.vision_language import ImageReading, open_model, reading_of


@dataclass(frozen=True)
class Opened:
    """A model with all that turns conversations into what it reads."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    renderer: Renderer
    reading: ImageReading | None
    """How it reads pictures; None: text only."""

    @property
    def pad_id(self) -> int:
        """Id that fills rows: the padding token, or the end token where there is none."""
        pad = self.tokenizer.pad_token_id
        found = self.tokenizer.eos_token_id if pad is None else pad
        assert isinstance(found, int)
        return found


def open_conversational(start: Artifact, template: Template, *, caption_end: bool = False) -> Opened:
    """Opens the model of an artifact and the template that it will read and write.

    Raises:
        UserError: no model there, or no template that marks what the assistant says.
    """
    model, tokenizer = open_model(start.folder), open_tokenizer(start.folder)
    check_vocabulary(model, tokenizer, place=str(start.folder))
    return opened(
        model, tokenizer, reading_of(model, start.folder, tokenizer), template, str(start.folder), caption_end
    )


def opened(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    reading: ImageReading | None,
    template: Template | Literal["plain"],
    place: str,
    caption_end: bool = False,
) -> Opened:
    """Puts the parts together.

    Raises:
        UserError: no template that marks what the assistant says, no end token.
    """
    kept = tokenizer.chat_template
    own = kept if isinstance(kept, str) else None
    text = check_marked(own, place=place) if template == "kept" else shipped(template)
    if tokenizer.eos_token is None:
        raise UserError(f"{place}: its tokenizer names no eos_token, so no answer would end. Add it to its config.")
    renderer = Renderer(
        tokenizer,
        text,
        image_token=reading.token if reading else None,
        image_tokens=reading.num_tokens if reading else 0,
        caption_end=str(tokenizer.eos_token) if caption_end else "",
    )
    return Opened(model, tokenizer, renderer, reading)


def prepare_sets(
    model: Opened,
    artifacts: Mapping[str, Artifact],
    names: Iterable[str],
    *,
    longest: int,
    max_dropped_share: float,
) -> dict[str, Prepared]:
    """Renders and checks every set that is named, pictures included.

    Raises:
        UserError: a row of the model is shorter than `longest`, or too many conversations cannot be used.
    """
    check_context(model.model, longest)
    found: dict[str, Prepared] = {}
    for name in names:
        read = read_conversations(artifacts[name].path(CONVERSATIONS))
        found[name] = prepared(model, read, longest, max_dropped_share, place=str(artifacts[name].folder))
    return found


def prepared(
    model: Opened, read: list[Conversation], longest: int, max_dropped_share: float, *, place: str
) -> Prepared:
    """Renders and checks one set.

    Raises:
        UserError: too many conversations cannot be used, or a file that is no picture.
    """
    done = prepare(read, model.renderer, longest=longest, max_dropped_share=max_dropped_share, place=place)
    check_images(done.images, [one.id for one in done.rendered], place=place)
    return done


def check_context(model: PreTrainedModel, longest: int) -> None:
    """Raises:
    UserError: rows would be longer than the model can read.
    """
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if context is not None and longest > context:
        raise UserError(
            f"optimization.sequence_length is {longest}, but the model reads at most {context} tokens"
            " (max_position_embeddings). Lower the one or raise the other."
        )
