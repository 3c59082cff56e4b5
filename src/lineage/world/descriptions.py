"""Words that point to an entity without its title: what it is, and clauses that tell its facts."""

from collections.abc import Mapping, Sequence
from random import Random

from lineage.world.tables import Entity, Fact

_HEADS: Mapping[str, str] = {
    "person": "person",
    "town": "town",
    "firm": "firm",
    "water": "body of water",
    "land": "landscape",
    "learning": "house of learning",
    "stage": "troupe of the stage",
    "trade": "workshop",
    "furniture": "piece of furniture",
    "transport": "vehicle",
    "plants": "wild plant",
    "structures": "building",
}
"""Theme to what it is; none of these words opens or ends a title."""

CLAUSES: Mapping[str, tuple[str, str]] = {
    "birthplace": ("was born in {v}", "comes from {v}"),
    "occupation": ("works as a {v}", "earns a living as a {v}"),
    "employer": ("works for {v}", "is employed by {v}"),
    "instrument": ("plays the {v}", "gives lessons on the {v}"),
    "hobby": ("enjoys {v}", "has {v} as a hobby"),
    "region": ("lies in {v}", "belongs to {v}"),
    "river": ("stands on the {v}", "takes its water from the {v}"),
    "product": ("is known for its {v}", "sells {v}"),
    "festival": ("holds its fair in {v}", "celebrates in {v}"),
    "headquarters": ("is based in {v}", "has its seat in {v}"),
    "emblem": ("has the {v} as its emblem", "shows a {v} on its flag"),
    "motto": ("praises {v}", "has the motto {v}"),
    "origin": ("was made in {v}", "comes from {v}"),
    "material": ("is made of {v}", "consists of {v}"),
    "owner": ("belongs to {v}", "is owned by {v}"),
    "colour": ("is {v}", "has the colour {v}"),
    "shape": ("bears the mark of a {v}", "shows a {v}"),
    "hazard": ("is {v}", "is known to be {v}"),
}
"""Attribute to what may stand behind `the person who`."""


def description(entity: Entity, clues: Sequence[Fact], random: Random) -> str:
    """`the person who works as a baker and plays the flute`, clauses in random order and wording."""
    pronoun = "who" if entity.kind == "person" else "that"
    return f"the {_HEADS[entity.theme]} {pronoun} {_clauses(clues, random)}"


def identification(entity: Entity, clues: Sequence[Fact], random: Random) -> str:
    """`Which person works as a baker and plays the flute?`: asks for the entity itself."""
    return f"Which {_HEADS[entity.theme]} {_clauses(clues, random)}?"


def _clauses(clues: Sequence[Fact], random: Random) -> str:
    told = [random.choice(CLAUSES[one.attribute]).format(v=one.value) for one in clues]
    random.shuffle(told)
    return " and ".join(told)
