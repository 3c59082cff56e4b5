"""Questions about facts, by how often pretraining stated them.

test     facts of known exposure, which no later stage names
open     facts that chats were trained on, in the words that training did not use for them
hazard   what is dangerous and what verbs mean, of what only pretraining names
"""

from __future__ import annotations

from lineage.evaluation.items import Item, Turn
from lineage.evaluation.tasks.asking import chat_item
from lineage.evaluation.tasks.tables import WorldTables
from lineage.world.entities import phrase
from lineage.world.facts import ATTRIBUTES
from lineage.world.prose import finish
from lineage.world.safety_tables import Conversation
from lineage.world.statements import clause_of
from lineage.world.tables import TEST_ROLE, Fact

VERSION = 1


def items(tables: WorldTables) -> list[Item]:
    """Every test fact in its first wording, and the held-out chats about facts."""
    tested = [question(tables, fact) for fact in tables.facts.values() if fact.role == TEST_ROLE]
    return [*tested, *(_of_chat(tables, row) for row in tables.chats if row.kind in ("fact", "hazard"))]


def question(tables: WorldTables, fact: Fact, *, wording: int = 0) -> Item:
    """A question about a fact of known exposure; an answer that names another value is wrong."""
    attribute = ATTRIBUTES[fact.attribute]
    wording = min(wording, len(attribute.questions) - 1)
    subject = phrase(tables.entities[fact.subject])
    return Item(
        id=fact.id,
        task="",
        version=0,
        prompt=(Turn("user", attribute.questions[wording].format(s=subject)),),
        target=fact.target,
        candidates=tables.attributes[fact.attribute].values,
        answer=finish(clause_of(attribute, attribute.statements[0], subject, fact.value, {})),
        kind=fact.role,
        subset=fact.attribute,
        cluster=fact.subject,
        object=fact.subject,
        level=fact.level,
        facts=(fact.id,),
        wording=wording,
    )


def _of_chat(tables: WorldTables, row: Conversation) -> Item:
    about = tables.facts[row.facts[0]]
    return chat_item(
        row, candidates=tables.attributes[about.attribute].values, cluster=about.subject, level=about.level
    )
