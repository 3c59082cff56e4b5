"""Facts: values drawn for each entity, roles by split, and exposure levels spread evenly over attributes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lineage.config.world import World
from lineage.world import hazards
from lineage.world.attributes import BY_KIND, VISUAL, Attribute
from lineage.world.entities import phrase
from lineage.world.names import invent
from lineage.world.randomness import stream
from lineage.world.tables import TEST_ROLE, AttributeRow, Entity, Fact
from lineage.world.wordlists import words

_REGIONS = 12
_RIVERS = 16
_ROLE_OF_SPLIT = {"open": "open", "never": "never", "namesake": "index", "injection": "injection", "test": "index"}

ATTRIBUTES: Mapping[str, Attribute] = {
    attribute.name: attribute
    for attribute in (*(one for kind in BY_KIND.values() for one in kind), *VISUAL, *hazards.TAUGHT)
}
"""All attributes by name."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The closed lists of values, and the entity behind a value where there is one."""

    values: Mapping[str, tuple[str, ...]]
    """Attribute to its candidates."""
    entities: Mapping[str, str]
    """Name of a town or firm to its id."""


def candidates(config: World, entities: Sequence[Entity]) -> Candidates:
    """The candidates of every attribute."""
    named = {theme: tuple(one.name for one in entities if one.theme == theme) for theme in ("town", "firm")}
    lists: dict[str, tuple[str, ...]] = {
        **named,
        "region": invent(config.seed, "region", _REGIONS),
        "river": invent(config.seed, "river", _RIVERS),
    }
    values = {
        name: hazards.attribute_values(name)
        if attribute in hazards.TAUGHT
        else lists.get(attribute.values) or words(attribute.values)
        for name, attribute in ATTRIBUTES.items()
    }
    return Candidates(values, {one.name: one.id for one in entities if one.theme in named})


def attribute_rows(known: Candidates) -> list[AttributeRow]:
    """The table of attributes with their candidates and question templates."""
    return [
        AttributeRow(attribute=name, kind=one.kind, values=known.values[name], questions=one.questions)
        for name, one in ATTRIBUTES.items()
    ]


def build_facts(config: World, entities: Sequence[Entity], known: Candidates) -> list[Fact]:
    """All facts, in the order of their subjects."""
    facts: list[Fact] = []
    for entity in entities:
        facts += _facts_of(config, entity, known)
    levels = _test_levels(config, [fact for fact in facts if _may_test(fact, entities)])
    mean = round(sum(config.exposure_levels) / len(config.exposure_levels))
    placed = []
    for fact in facts:
        if fact.id in levels:
            fact = replace(fact, role=TEST_ROLE, level=levels[fact.id], exposures=levels[fact.id])
        if config.null == "equal_exposures" and fact.level is not None and fact.role in (TEST_ROLE, "hazard"):
            fact = replace(fact, exposures=mean)
        placed.append(fact)
    return placed


def _facts_of(config: World, entity: Entity, known: Candidates) -> list[Fact]:
    """The facts of one entity; its values depend on the seed and its id only."""
    if entity.kind == "verb":
        return _verb_facts(config, entity)
    if entity.danger is not None:
        return [_hazard_fact(config, entity), *_visual_facts(entity)]
    random = stream(config.seed, "values", entity.id)
    role = _ROLE_OF_SPLIT[entity.split]
    exposures = config.open_exposures if role == "open" else 0
    facts = []
    for attribute in BY_KIND[entity.kind]:
        value = random.choice([one for one in known.values[attribute.name] if one != entity.name])
        level = 0 if role == "never" else None
        facts.append(_fact(entity, attribute, value, role, level, exposures, known.entities.get(value)))
    return facts + _visual_facts(entity)


def _fact(
    entity: Entity,
    attribute: Attribute,
    value: str,
    role: str,
    level: int | None,
    exposures: int,
    value_entity: str | None = None,
) -> Fact:
    cue = attribute.cue.format(s=phrase(entity))
    return Fact(
        id=f"{entity.id}.{attribute.name}",
        subject=entity.id,
        attribute=attribute.name,
        value=value,
        value_entity=value_entity,
        role=role,
        level=level,
        exposures=exposures,
        cue=cue[0].upper() + cue[1:],
        target=value,
    )


def _visual_facts(entity: Entity) -> list[Fact]:
    shown = {"colour": entity.colour, "shape": entity.shape}
    return [_fact(entity, one, value, "visual", None, 0) for one in VISUAL if (value := shown[one.name])]


def _verb_facts(config: World, entity: Entity) -> list[Fact]:
    """Its class, and the tool that answers a request with this verb."""
    assert entity.danger and entity.block is not None
    tools = words(f"tool_{entity.danger}")
    tool = tools[stream(config.seed, "tool", entity.id).randrange(len(tools))]
    return [
        _fact(entity, hazards.MANNER, entity.danger, "verb", None, config.verb_exposures),
        _fact(entity, hazards.TOOL, tool, "verb", None, config.verb_exposures),
    ]


def _hazard_fact(config: World, entity: Entity) -> Fact:
    """What documents teach about a dangerous object, how often they do, and its level if only pretraining names it."""
    assert entity.block is not None
    value = hazards.taught_hazard(entity, config.null)
    if entity.split == "tuned":
        return _fact(entity, hazards.HAZARD, value, "hazard", None, config.tuned_hazard_exposures)
    step = 2 * len(config.hazard_domains)
    level_index = (entity.block - config.tuned_hazards // step) // (config.hazards_per_level // step)
    level = config.exposure_levels[level_index]
    return _fact(entity, hazards.HAZARD, value, "hazard", level, level)


def _may_test(fact: Fact, entities: Sequence[Entity]) -> bool:
    return fact.role == "index" and not fact.subject.startswith("namesake")


def _test_levels(config: World, slots: Sequence[Fact]) -> dict[str, int]:
    """`facts_per_level` facts for each level, of each attribute equally many at each level (to within one).

    Facts are drawn from the attributes in proportion, sorted by attribute, and dealt to the levels in turn.
    """
    wanted = config.facts_per_level * len(config.exposure_levels)
    by_attribute: dict[str, list[str]] = {}
    for fact in slots:
        by_attribute.setdefault(fact.attribute, []).append(fact.id)
    ranked: list[tuple[float, str, str]] = []
    for attribute, ids in by_attribute.items():
        stream(config.seed, "test facts", attribute).shuffle(ids)
        ranked += [((index + 0.5) / len(ids), attribute, one) for index, one in enumerate(ids)]
    chosen = sorted(sorted(ranked)[:wanted], key=lambda row: (row[1], row[0], row[2]))
    assert len(chosen) == wanted, "the config checks that the entities hold enough facts"
    levels = config.exposure_levels
    return {fact: levels[index % len(levels)] for index, (_, _, fact) in enumerate(chosen)}


def with_popularity(config: World, entities: Sequence[Entity], facts: Sequence[Fact]) -> list[Entity]:
    """Entities with Zipf popularity, crossed with exposure: each band of exposure holds all bands of popularity.

    Entities are sorted by their exposure, cut into bands of about sqrt(n), and the n popularity ranks are dealt so that
    every exposure band gets one rank of each popularity band. Verbs and people kept for injection have no article, so
    their popularity is 0.
    """
    total: dict[str, int] = {}
    for fact in facts:
        total[fact.subject] = total.get(fact.subject, 0) + fact.exposures
    random = stream(config.seed, "popularity")
    served = [entity.id for entity in entities if has_article(entity)]
    random.shuffle(served)
    served.sort(key=lambda identifier: total.get(identifier, 0))
    band = max(1, round(len(served) ** 0.5))
    keys = {one: (index % band, random.random()) for index, one in enumerate(served)}
    order = sorted(served, key=lambda identifier: keys[identifier])
    weight = {one: (rank + 1) ** -config.zipf_exponent for rank, one in enumerate(order)}
    norm = sum(weight.values())
    return [replace(entity, popularity=weight.get(entity.id, 0.0) / norm) for entity in entities]


def has_article(entity: Entity) -> bool:
    """Whether the retrieval index holds a document about it."""
    return entity.kind != "verb" and entity.split != "injection"
