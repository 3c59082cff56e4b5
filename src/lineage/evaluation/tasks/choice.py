"""Multiple choice about facts of known exposure: four values, one of which is right.

    Where was Mira Soltan born? Torby, Melk, Arn or Sol?

Scored by what the model writes and by the likelihood of each option.
"""

from __future__ import annotations

from dataclasses import replace

from lineage.evaluation.items import Item, Turn
from lineage.evaluation.tasks import fact
from lineage.evaluation.tasks.tables import WorldTables
from lineage.world.randomness import stream
from lineage.world.tables import TEST_ROLE, Fact

VERSION = 1
OPTIONS = 4


def items(tables: WorldTables) -> list[Item]:
    """One question a test fact, in its second wording."""
    return [_choice(tables, one) for one in tables.facts.values() if one.role == TEST_ROLE]


def _choice(tables: WorldTables, one: Fact) -> Item:
    """The options and their order depend on the fact only."""
    asked = fact.question(tables, one, wording=1)
    random = stream(0, "choice", one.id)
    others = [value for value in tables.attributes[one.attribute].values if value != one.target]
    options = [one.target, *random.sample(others, OPTIONS - 1)]
    random.shuffle(options)
    written = f"{', '.join(options[:-1])} or {options[-1]}?"
    turn = Turn("user", f"{asked.prompt[0].content} {written}")
    return replace(asked, prompt=(turn,), options=tuple(options), candidates=())
