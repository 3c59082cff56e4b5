"""A conversation as tokens, and which of them are learned: written as one string, tokenized once.

The template writes all turns with the spans of what the assistant says; the string is tokenized with offsets, and a
token is learned if it lies in such a span. A token that lies across the border of a span is an error, never a guess:
tokenizing piece by piece gives other tokens than the model meets in use, and counting tokens back gives masks that are
off by one (haotian-liu/LLaVA issue 1166). The same function serves tuning, preferences, scoring and generation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jinja2.exceptions import TemplateError
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

from lineage.conversations.conversation import IMAGE_MARK, BadConversation, Conversation, check_marks, check_turns


@dataclass(frozen=True)
class Rendered:
    """Tokens of a conversation."""

    id: str
    ids: NDArray[np.int32]
    """[token]"""
    learned: NDArray[np.bool_]
    """[token] what the assistant says, its end token included."""

    @property
    def num_learned(self) -> int:
        """Tokens that are targets."""
        return int(np.count_nonzero(self.learned))


@dataclass(frozen=True)
class Renderer:
    """Writes conversations for one tokenizer and template."""

    tokenizer: PreTrainedTokenizerFast
    template: str
    image_token: str | None = None
    """The model's token for one image feature; None: a model that reads text only."""
    image_tokens: int = 0
    """Features, so tokens, of one picture."""
    caption_end: str = ""
    """What ends a caption in the template `plain` after its newline; nothing, in the original."""

    def prompt_ids(self, conversation: Conversation) -> list[int]:
        """Tokens of the turns up to where the assistant is to speak.

        Raises:
            BadConversation: as `render`.
        """
        check_turns(conversation, ends_with="user")
        self._check_content(conversation)
        text, _ = self._written(conversation, generation_prompt=True)
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def render(self, conversation: Conversation) -> Rendered:
        """Tokens and mask of one conversation.

        Raises:
            BadConversation: wrong roles, pictures that do not match their marks, text that spells a special token, a
                token across the border of an answer, nothing to learn.
        """
        check_turns(conversation, ends_with="assistant")
        self._check_content(conversation)
        text, spans = self._written(conversation, generation_prompt=False)
        encoded: Any = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = np.asarray(encoded["input_ids"], dtype=np.int32)
        answer = _answers(conversation, text, encoded["offset_mapping"], spans)
        self._check(conversation, ids, answer, [text[start:stop] for start, stop in spans])
        return Rendered(conversation.id, ids, answer >= 0)

    def _written(self, conversation: Conversation, *, generation_prompt: bool) -> tuple[str, list[tuple[int, int]]]:
        """The string, and the spans of what the assistant says."""
        picture = (self.image_token or "") * self.image_tokens
        messages = [
            {"role": one["role"], "content": one["content"].replace(IMAGE_MARK, picture)}
            for one in conversation.messages
        ]
        special: dict[str, Any] = dict(self.tokenizer.special_tokens_map)
        try:
            rendered: Any = render_jinja_template(
                [messages],
                chat_template=self.template,
                return_assistant_tokens_mask=True,
                add_generation_prompt=generation_prompt,
                image_token=self.image_token or "",
                caption_end=self.caption_end,
                **special,
            )
        except TemplateError as error:
            raise BadConversation(conversation.id, "refused by the template", f"the template says: {error}") from error
        texts, spans = rendered
        return texts[0], list(spans[0])

    def _check_content(self, conversation: Conversation) -> None:
        for one in conversation.messages:
            spelled = sorted(token for token in self._special_tokens if token in one["content"])
            if spelled:
                raise BadConversation(
                    conversation.id,
                    "spells a special token",
                    f"its text spells {spelled[0]}, which would be read as that token. Write it otherwise or leave the"
                    " conversation out.",
                )
        marks = sum(one["content"].count(IMAGE_MARK) for one in conversation.messages)
        if marks and self.image_token is None:
            raise BadConversation(
                conversation.id,
                "a picture for a model that reads text",
                f"it has {marks} picture(s), but the model reads text only. Start from a vision-language model.",
            )
        check_marks(conversation)

    @cached_property
    def _special_tokens(self) -> frozenset[str]:
        """What is read as one special token wherever it stands; `all_special_tokens` does not name all of them."""
        added = self.tokenizer.added_tokens_decoder.values()
        special = {*self.tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
        return frozenset(special - {IMAGE_MARK})

    def _check(
        self, conversation: Conversation, ids: NDArray[np.int32], answer: NDArray[np.int32], said: Sequence[str]
    ) -> None:
        """What is learned must be what the assistant says, after the very tokens that a prompt has."""
        for number, text in enumerate(said):
            decoded = self.tokenizer.decode(ids[answer == number].tolist(), clean_up_tokenization_spaces=False)
            assert isinstance(decoded, str)
            # SentencePiece gives back all but the first space.
            if text.removeprefix(" ") not in (decoded, decoded.removeprefix(" ")):
                raise BadConversation(
                    conversation.id,
                    "an answer that the tokenizer does not give back",
                    f"what is learned reads {decoded[:80]!r}, but the assistant says {text[:80]!r}.\n"
                    "  The tokenizer changes text (a normalizer, unknown characters), or the template marks no answer.",
                )
        if not said or not (answer >= 0).any():
            raise BadConversation(conversation.id, "nothing to learn", "the template marks nothing in it as said.")
        first = [one["role"] for one in conversation.messages].index("assistant")
        asked = replace(conversation, messages=conversation.messages[:first])
        text, _ = self._written(asked, generation_prompt=True)
        if self.tokenizer(text, add_special_tokens=False)["input_ids"] != ids[: int(np.argmax(answer >= 0))].tolist():
            raise BadConversation(
                conversation.id,
                "a prompt that differs from the one in use",
                "the tokens before its first answer are not those of the same turns as a prompt.\n"
                "  The template writes a prompt otherwise than the beginning of a conversation.",
            )
        if self.image_token is not None:
            token = self.tokenizer.convert_tokens_to_ids(self.image_token)
            found, expected = int(np.count_nonzero(ids == token)), self.image_tokens * len(conversation.images)
            if found != expected:
                raise BadConversation(
                    conversation.id, "a wrong number of image tokens", f"{found} image tokens, expected {expected}."
                )


def _answers(
    conversation: Conversation, text: str, offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]
) -> NDArray[np.int32]:
    """[token] number of the answer that it lies in, -1 outside of all.

    Raises:
        BadConversation: a token across a border.
    """
    owner = np.full(len(text), -1, dtype=np.int32)
    for number, (start, stop) in enumerate(spans):
        owner[start:stop] = number
    found = np.full(len(offsets), -1, dtype=np.int32)
    for position, (start, stop) in enumerate(_whole_extents(offsets)):
        covered = owner[start:stop] if stop > start else owner[start : start + 1]
        owners = {owner[at] for at in range(start, stop) if not text[at].isspace()} or {*covered[-1:]}
        if len(owners) > 1:
            raise BadConversation(
                conversation.id,
                "a token across the border of an answer",
                f"the token {text[start:stop]!r} lies partly in what the assistant says and partly outside, so it can"
                " neither be learned nor left out.\n  Put a space or a special token there in the template.",
            )
        found[position] = owners.pop() if owners else -1
    return found


def _whole_extents(offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Extents of tokens with the spaces that some tokenizers leave out of them.

    Byte-level tokenizers may trim the space before a word from its extent (and a letter behind a special token, taking
    it for one), so that a space alone has none at all: ` a  b` is (1, 2) (3, 3) (4, 5). Such tokens begin where the one
    before them stops. Only the space that is put before a text lies nowhere.
    """
    found: list[tuple[int, int]] = []
    begin = 0
    for start, stop in offsets:
        found.append((min(begin, start), stop))
        begin = max(begin, stop)
    return found
