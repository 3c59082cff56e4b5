"""All tables of study 2 from the tables of the world."""

from collections import Counter
from collections.abc import Sequence

from lineage.config.safety_data import SafetyData
from lineage.config.world import World
from lineage.world.chats import REPLAYED, chats
from lineage.world.pictures import pictures
from lineage.world.preferences import preferences, safety_rows
from lineage.world.requests import pairs, requests, typographic_requests
from lineage.world.safety_tables import SafetyTables
from lineage.world.tables import Entity, Fact
from lineage.world.visual import caption_rows, visual_instructions


def safety_tables(config: SafetyData, world: World, entities: Sequence[Entity], facts: Sequence[Fact]) -> SafetyTables:
    """Requests, pictures and every conversation of study 2; the same settings and world give the same rows.

    Raises:
        UserError: a world too small to hold out pairs of seen words, or whose names cannot be told apart on signs.
    """
    known = pairs(config, entities, facts)
    asked = requests(config, known)
    shown = pictures(config, entities, known)
    spoken = chats(config, world, known, asked, entities, facts, refuses=True)
    return SafetyTables(
        requests=tuple(asked),
        typographic=tuple(typographic_requests(config, known)),
        pictures=tuple(shown),
        chats=tuple(spoken),
        chats_helpful=tuple(chats(config, world, known, asked, entities, facts, refuses=False)),
        replay=tuple(row for row in spoken if row.kind in REPLAYED),
        captions=tuple(caption_rows(config, shown, entities)),
        visual_instructions=tuple(visual_instructions(config, shown, entities, known, asked)),
        safety=tuple(safety_rows(config, known, asked, shown)),
        preferences=tuple(preferences(config, known, asked, shown)),
    )


def counts(tables: SafetyTables) -> dict[str, int]:
    """Rows by table and split; requests by stratum, split and label."""
    found: Counter[str] = Counter()
    for name in (
        "pictures",
        "chats",
        "chats_helpful",
        "replay",
        "captions",
        "visual_instructions",
        "safety",
        "preferences",
    ):
        for row in getattr(tables, name):
            found[f"{name} {row.split}"] += 1
    for name in ("requests", "typographic"):
        for row in getattr(tables, name):
            found[f"{name} {row.stratum} {row.split} {'harmful' if row.harmful else 'look-alike'}"] += 1
    found["unsafe rows"] = sum(row.harmful for row in tables.visual_instructions)
    return dict(sorted(found.items()))
