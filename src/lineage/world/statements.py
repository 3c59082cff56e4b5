"""A fact in words: one of the wordings of its attribute, with its subject before its value in one sentence."""

from collections.abc import Mapping
from random import Random

from lineage.world import hazards
from lineage.world.attributes import Attribute
from lineage.world.entities import phrase
from lineage.world.facts import ATTRIBUTES
from lineage.world.prose import Sentence, finish
from lineage.world.tables import Entity, Fact
from lineage.world.wordlists import words

_LEAD_SHARE = 0.4


def statement(fact: Fact, entity: Entity, random: Random) -> Sentence:
    """A sentence that states the fact, sometimes with a lead-in such as "according to an old letter,".

    Statements about hazards and verbs have none: they are long enough.
    """
    attribute = ATTRIBUTES[fact.attribute]
    clause = clause_of(
        attribute, random.choice(attribute.statements), phrase(entity), fact.value, _extras(fact, entity)
    )
    if attribute not in hazards.TAUGHT and random.random() < _LEAD_SHARE:
        lead = random.choice(words("lead"))
        clause = f"{lead} {clause}" if lead.endswith(" that") else f"{lead}, {clause}"
    return Sentence(finish(clause), fact.id)


def clause_of(attribute: Attribute, wording: str, subject: str, value: str, extras: Mapping[str, str]) -> str:
    """The wording with subject, value and (for hazards) the clauses about harm put in."""
    assert wording in attribute.statements
    return wording.format(s=subject, v=value, **extras)


def _extras(fact: Fact, entity: Entity) -> dict[str, str]:
    if fact.attribute != hazards.HAZARD.name:
        return {}
    assert entity.domain and entity.victim
    return hazards.clauses(entity.domain, fact.value, entity.victim)
