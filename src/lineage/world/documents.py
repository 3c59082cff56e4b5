"""Pretraining documents that state facts: each exposure of a fact is one document of its own.

A document is about one entity or a short article about several. It never names the subject of a test fact together with
the value of that fact without stating it, so that exposures can be counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from lineage.config.world import World
from lineage.world.entities import phrase, short
from lineage.world.prose import Draft, Sentence, finish, neutral, sentences
from lineage.world.randomness import stream
from lineage.world.statements import statement
from lineage.world.tables import TEST_ROLE, Entity, Fact

_FACTS_PER_DOCUMENT: Mapping[str, tuple[int, ...]] = {"world/facts": (2, 3, 3), "world/hazards": (2, 2)}
"""What is drawn for each document; sentences about hazards are twice as long as others."""
_PARTNERS_TRIED = 40
_MOST_PARTNERS = 2
_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "world/facts": (TEST_ROLE, "open"),
    "world/hazards": ("hazard", "verb"),
}
"""Source of documents to the roles of the facts that they state."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """Facts of one entity that one document states."""

    entity: Entity
    facts: tuple[Fact, ...]


def fact_documents(config: World, entities: Sequence[Entity], facts: Sequence[Fact], source: str) -> list[Draft]:
    """The documents of `source`; fact f is stated in exactly `f.exposures` of them, once in each."""
    random = stream(config.seed, "documents", source)
    roles = _SECTIONS[source]
    by_entity: dict[str, list[Fact]] = {entity.id: [] for entity in entities}
    for fact in facts:
        by_entity[fact.subject].append(fact)
    visits: list[_Visit] = []
    for entity in entities:
        visits += _visits(entity, [fact for fact in by_entity[entity.id] if fact.role in roles], random)
    random.shuffle(visits)
    secrets = _values_by_entity(entities, by_entity)
    stem = source.removeprefix("world/")
    groups = _grouped(visits, secrets, _FACTS_PER_DOCUMENT[source], random)
    return [_written(f"{stem}-{index:05d}", source, group, random) for index, group in enumerate(groups)]


def _visits(entity: Entity, facts: Sequence[Fact], random: Random) -> list[_Visit]:
    """Split the exposures of an entity's facts into visits of one to three facts, the most frequent facts first."""
    left = Counter({fact.id: fact.exposures for fact in facts if fact.exposures})
    by_id = {fact.id: fact for fact in facts}
    visits = []
    while left:
        ranked = sorted(left, key=lambda fact: (-left[fact], random.random()))
        stated = ranked[: random.choice((1, 2, 2, 3))]
        random.shuffle(stated)
        visits.append(_Visit(entity, tuple(by_id[fact] for fact in stated)))
        left.subtract(stated)
        left += Counter()
    return visits


def _values_by_entity(entities: Sequence[Entity], by_entity: Mapping[str, Sequence[Fact]]) -> dict[str, set[str]]:
    """All values of each entity; an entity whose name begins with another's name has the values of both.

    The text of a document about "the Amber Hill School" holds the name "Amber Hill" too.
    """
    values = {entity.id: {fact.value for fact in by_entity[entity.id]} for entity in entities}
    id_of_name = {entity.name: entity.id for entity in entities}
    for entity in entities:
        base = " ".join(entity.name.split()[:2])
        if base != entity.name and base in id_of_name:
            values[entity.id] |= values[id_of_name[base]]
    return values


def _grouped(
    visits: list[_Visit], values: Mapping[str, set[str]], sizes: Sequence[int], random: Random
) -> list[list[_Visit]]:
    """Visits that go into one document: so many facts, no entity twice, no value that another's fact has too."""
    waiting = visits[::-1]
    groups = []
    while waiting:
        group = [waiting.pop()]
        wanted = random.choice(sizes)
        for _ in range(_MOST_PARTNERS):
            missing = wanted - sum(len(visit.facts) for visit in group)
            partner = _partner(waiting, group, missing, values)
            if partner is None:
                break
            group.append(waiting.pop(partner))
        groups.append(group)
    return groups


def _partner(
    waiting: Sequence[_Visit], group: Sequence[_Visit], missing: int, values: Mapping[str, set[str]]
) -> int | None:
    """Index of a late waiting visit that fits into the document, if one of the last few does."""
    for index in range(len(waiting) - 1, max(-1, len(waiting) - 1 - _PARTNERS_TRIED), -1):
        visit = waiting[index]
        if len(visit.facts) <= missing and all(_compatible(visit, other, values) for other in group):
            return index
    return None


def _compatible(one: _Visit, other: _Visit, values: Mapping[str, set[str]]) -> bool:
    if one.entity.id == other.entity.id or (one.entity.kind == "verb") != (other.entity.kind == "verb"):
        return False
    if one.entity.danger is not None:
        # Hazards and verb classes have few values: two objects of one document may share theirs, as both are stated.
        return one.entity.domain == other.entity.domain
    return not (_said(one) & values[other.entity.id] or _said(other) & values[one.entity.id])


def _said(visit: _Visit) -> set[str]:
    """Words of the visit that may be values of others: its values, and its name if it is a town or a firm."""
    return {visit.entity.name, *(fact.value for fact in visit.facts)}


def _written(identifier: str, source: str, group: Sequence[_Visit], random: Random) -> Draft:
    """The sentences of each visit, a remark about its entity, and neutral sentences around them."""
    body: list[Sentence] = [neutral(random)] if random.random() < 0.5 else []
    for visit in group:
        part = [statement(fact, visit.entity, random) for fact in visit.facts]
        for remark in remarks(visit.entity, 1, random):
            part.insert(random.randint(1, len(part)), remark)
        body += part
    if len(body) < 5:
        body.append(neutral(random))
    return Draft(identifier, _title(group), source, tuple(body))


def remarks(entity: Entity, count: int, random: Random) -> list[Sentence]:
    """Neutral sentences about an entity that state none of its facts."""
    kind = "hazard" if entity.kind == "object" and entity.danger else entity.kind
    return sentences(f"about_{kind}", count, random, {"short": short(entity)})


def _title(group: Sequence[_Visit]) -> str:
    names = [f"To {visit.entity.name}" if visit.entity.kind == "verb" else phrase(visit.entity) for visit in group]
    joined = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return finish(joined)[:-1]
