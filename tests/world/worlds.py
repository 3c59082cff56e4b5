"""The worlds that several test files look at, each generated once."""

from functools import cache
from typing import Any

from lineage.config.safety_data import SafetyData
from lineage.config.world import World
from lineage.world.generate import generate
from lineage.world.safety import safety_tables
from lineage.world.safety_tables import SafetyTables
from lineage.world.tables import GeneratedWorld

SMALL: dict[str, Any] = {
    "people": 24,
    "towns": 6,
    "places": 8,
    "firms": 5,
    "organisations": 8,
    "objects": 8,
    "injection_people": 8,
    "exposure_levels": (0, 1, 4, 16),
    "facts_per_level": 16,
    "tuned_hazards": 8,
    "tuned_hazard_exposures": 6,
    "hazards_per_level": 4,
    "tuned_verbs": 2,
    "unseen_verbs": 1,
    "verb_exposures": 4,
    "open_exposures": 3,
    "background_documents": 80,
    "reading_documents": 60,
    "shared_title_words": 2,
    "shared_title_uses": 4,
}


@cache
def default_world() -> GeneratedWorld:
    """The world of the default settings."""
    return generate(World())


@cache
def small_world() -> GeneratedWorld:
    """A world of about 30,000 tokens."""
    return generate(World(**SMALL))


@cache
def null_world(null: str) -> GeneratedWorld:
    """The default world with one presumed cause removed."""
    return generate(World.model_validate({"null": null}))


@cache
def default_safety() -> SafetyTables:
    """The data of study 2 of the default world."""
    return safety_of()


def safety_of(world: GeneratedWorld | None = None, **settings: Any) -> SafetyTables:
    """The data of study 2 of a world (the default one) in other settings."""
    world = world or default_world()
    return safety_tables(SafetyData.model_validate(settings), World(), world.entities, world.facts)


@cache
def safety_world() -> GeneratedWorld:
    """A small world with enough dangerous objects to hold out pairs of them."""
    return generate(World(**{**SMALL, **SAFETY_SIZES}))


SAFETY_SIZES: dict[str, Any] = {"tuned_hazards": 16, "tuned_verbs": 3}
"""What the small world needs more for study 2."""
SMALL_SAFETY: dict[str, Any] = {
    "train_wordings": 2,
    "held_out_wordings": 1,
    "instructions": 20,
    "open_requests": 10,
    "context_requests": 8,
    "mark_pictures": 40,
    "sign_pictures": 32,
    "visual_questions": 60,
    "held_out_questions": 24,
    "safety_rows": 16,
    "preference_pairs": 16,
}
"""Settings of the data of study 2 that are made in a tenth of a second."""
