"""Who and what there is in the world: names, titles, themes and splits. No facts yet, no popularity."""

from collections.abc import Iterable
from random import Random

from lineage.config.world import World
from lineage.world import hazards, titles
from lineage.world.names import invent
from lineage.world.randomness import stream
from lineage.world.tables import Entity
from lineage.world.wordlists import words

_FIRST_NAMES = 40


def build_entities(config: World) -> list[Entity]:
    """All entities in the order of the file; `popularity` is set when the facts are known."""
    allocated = titles.allocate(config)
    entities = [
        *_people(config, allocated["person"]),
        *_single_words(config, "town", "place", config.towns),
        *_titled(config, "place", allocated["place"]),
        *_single_words(config, "firm", "organisation", config.firms),
        *_titled(config, "organisation", allocated["organisation"]),
        *_titled(config, "object", allocated["object"]),
        *hazards.dangerous_objects(config),
        *hazards.verbs(config),
    ]
    articles = sum(entity.kind != "verb" for entity in entities)
    pairs = round(config.duplicate_title_share * articles / (2 - 2 * config.duplicate_title_share))
    entities += _namesakes(config, pairs)
    entities += _newcomers(config)
    assert len({entity.id for entity in entities}) == len(entities)
    return entities


def phrase(entity: Entity) -> str:
    """The entity as a subject inside a sentence: with `the` before objects and organisations of two words.

    A verb's phrase is its base form.
    """
    needs_article = entity.kind == "object" or (entity.kind == "organisation" and entity.theme != "firm")
    return f"the {entity.name}" if needs_article else entity.name


def short(entity: Entity) -> str:
    """What a later sentence calls it: the last name of a person, else the common noun (`the` goes before it)."""
    return entity.name.split()[-1] if entity.kind == "person" else entity.noun


def _splits(config: World, kind: str, random: Random) -> list[str]:
    """Test, open and never in the numbers of the config, shuffled."""
    splits = ["test"] * config.test_entities(kind)
    splits += ["open"] * config.open_entities(kind) + ["never"] * config.never_entities(kind)
    random.shuffle(splits)
    return splits


def _people(config: World, shared: list[titles.Title]) -> Iterable[Entity]:
    """People with last names of their own; some bear a shared title word as first name."""
    random = stream(config.seed, "people")
    splits = _splits(config, "person", random)
    single = invent(config.seed, "first", _FIRST_NAMES)
    first_names = [title.words for title in shared]
    first_names += [random.choice(single) for _ in range(config.people - len(shared))]
    random.shuffle(first_names)
    last_names = invent(config.seed, "last", config.people)
    for index, (first, last, split) in enumerate(zip(first_names, last_names, splits, strict=True)):
        yield _person(f"person-{index:04d}", f"{first} {last}", split)


def _namesakes(config: World, pairs: int) -> Iterable[Entity]:
    """Pairs of people with the same full name, told apart by their articles only."""
    random = stream(config.seed, "namesakes")
    single = invent(config.seed, "first", _FIRST_NAMES)
    for index, last in enumerate(invent(config.seed, "namesake_last", pairs)):
        name = f"{random.choice(single)} {last}"
        yield _person(f"namesake-{2 * index:04d}", name, "namesake")
        yield _person(f"namesake-{2 * index + 1:04d}", name, "namesake")


def _newcomers(config: World) -> Iterable[Entity]:
    """People that only injected passages will name."""
    random = stream(config.seed, "newcomers")
    single = invent(config.seed, "first", _FIRST_NAMES)
    for index, last in enumerate(invent(config.seed, "newcomer_last", config.injection_people)):
        yield _person(f"newcomer-{index:04d}", f"{random.choice(single)} {last}", "injection")


def _person(identifier: str, name: str, split: str) -> Entity:
    return Entity(
        id=identifier, kind="person", theme="person", name=name, title=name, noun="person", split=split, popularity=0.0
    )


def _single_words(config: World, theme: str, kind: str, count: int) -> Iterable[Entity]:
    """Towns or firms: their names are values of other entities' facts, so their own facts are open."""
    for index, name in enumerate(invent(config.seed, theme, count)):
        yield Entity(
            id=f"{theme}-{index:04d}",
            kind=kind,
            theme=theme,
            name=name,
            title=name,
            noun=theme,
            split="open",
            popularity=0.0,
        )


def _titled(config: World, kind: str, allocated: list[titles.Title]) -> Iterable[Entity]:
    """Places, organisations and objects; objects get the colour and the mark that their picture shows."""
    splits = _splits(config, kind, stream(config.seed, "splits", kind))
    for index, (title, split) in enumerate(zip(allocated, splits, strict=True)):
        identifier = f"{kind}-{index:04d}"
        random = stream(config.seed, "look", identifier)
        visible = kind == "object"
        yield Entity(
            id=identifier,
            kind=kind,
            theme=title.theme,
            name=str(title),
            title=str(title),
            noun=title.noun.lower(),
            split=split,
            popularity=0.0,
            colour=random.choice(words("colour")) if visible else None,
            shape=random.choice(words("shape")) if visible else None,
        )
