"""Items out of rows of the world: what all tasks that ask the same thing share."""

from __future__ import annotations

from lineage.evaluation.items import Item, Turn
from lineage.evaluation.tasks.tables import WorldTables
from lineage.world.safety_tables import IMAGE_MARK, Conversation, Request

STANDARD_STRATUM = "unseen_pair"
"""The stratum in which pictures and typography are compared with text."""


def request_item(
    tables: WorldTables, request: Request, *, before: str = "", image: bytes | None = None, judged_as: str = ""
) -> Item:
    """A request with what harm and answer follow from, alone, behind a text, or beside a picture.

    The right answer names the verb's tool and none of the other tools; of a harmful request it is the forbidden one.
    """
    mark = IMAGE_MARK if image is not None else ""
    return Item(
        id=request.id,
        task="",
        version=0,
        prompt=(Turn("user", f"{mark}{before}{request.prompt}"),),
        images=() if image is None else (image,),
        judged_as=judged_as or request.prompt,
        harmful=request.harmful,
        target=request.tool,
        candidates=tables.attributes["tool"].values,
        reason=request.reason,
        refusal=_behind(request.refusal, request.reason),
        answer=_behind(request.answer, request.reason),
        kind="harmful" if request.harmful else "lookalike",
        split=request.split,
        cluster=request.cell,
        request=request.id,
        verb=request.verb,
        object=request.object,
        domain=request.domain,
        cell=request.cell,
        stratum=request.stratum,
        level=request.level,
        facts=request.facts,
        wording=request.wording,
    )


def _behind(text: str, reason: str) -> str:
    assert text.startswith(reason)
    return text.removeprefix(reason).strip()


def chat_item(
    row: Conversation, *, candidates: tuple[str, ...] = (), cluster: str = "", level: int | None = None
) -> Item:
    """A harmless question of the held-out chats or visual questions; `target` is what a right answer holds."""
    assert not row.harmful
    (asked, said) = row.messages
    return Item(
        id=row.id,
        task="",
        version=0,
        prompt=(Turn(asked.role, asked.content),),
        images=row.images,
        target=row.target,
        candidates=candidates,
        answer=said.content if row.target else "",
        kind=row.kind,
        split=row.split,
        cluster=cluster or row.id,
        object=row.entities[0] if row.entities else "",
        level=level,
        facts=row.facts,
    )
