"""Requests as tokens, with the two places where a model may decide: behind the prompt, and behind the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lineage.analysis.layers.schemas import DECISION, PROMPT
from lineage.conversations.render import Renderer
from lineage.evaluation.endings import Endings, Known
from lineage.evaluation.generation_batch import Row
from lineage.evaluation.items import Item
from lineage.evaluation.paired import Draws, draws

NOTHING_KNOWN = Known((), ())


@dataclass(frozen=True)
class Asked:
    """One request, as one model reads it."""

    item: Item
    prompt: tuple[int, ...]
    """Up to where the assistant is to speak."""
    known: Known
    """What reference refusal and answer (in this order) both begin with, and the rest of each; empty if there are
    none."""

    def upto(self, position: str) -> tuple[int, ...]:
        """The tokens that end with a position."""
        return {PROMPT: self.prompt, DECISION: (*self.prompt, *self.known.shared)}[position]

    def behind(self, position: str) -> Known | None:
        """What may follow a position; None where nothing is known."""
        if not self.known.endings:
            return None
        return self.known if position == PROMPT else Known((), self.known.endings)

    def row(self, position: str) -> Row:
        """What is read up to a position."""
        return Row(self.item.id, self.upto(position), self.item.images)


def ask(renderer: Renderer, items: Sequence[Item]) -> list[Asked]:
    """The requests as the model of a renderer reads them.

    Raises:
        BadConversation: one cannot be rendered, or has a picture that the model cannot see.
    """
    endings = Endings(renderer)
    return [_ask(renderer, endings, one) for one in items]


def _ask(renderer: Renderer, endings: Endings, item: Item) -> Asked:
    prompt, texts = item.conversation, (item.refusal, item.answer)
    known = endings.known(prompt, texts, shared=item.reason) if all(texts) else NOTHING_KNOWN
    return Asked(item, tuple(renderer.prompt_ids(prompt)), known)


def item_draws(items: Sequence[Item], *, samples: int, seed: int) -> Draws:
    """Resamples of the items: by verb and object where they have them, else by cluster."""
    verbs = [one.verb or one.cluster or one.id for one in items]
    objects = [one.object or one.cluster or one.id for one in items]
    return draws([verbs] if verbs == objects else [verbs, objects], samples=samples, seed=seed)
