"""Tokens of texts that may follow a prompt: refusal and answer of a request, options of a multiple choice, facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lineage.conversations.conversation import Conversation
from lineage.conversations.render import Renderer


@dataclass(frozen=True)
class Known:
    """Tokens that may follow a prompt."""

    shared: tuple[int, ...]
    """What all endings begin with; may be empty."""
    endings: tuple[tuple[int, ...], ...]
    """What follows it, end token included."""


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
