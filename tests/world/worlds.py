"""The worlds that several test files look at, each generated once."""

from functools import cache
from typing import Any

from lineage.config.world import World
from lineage.world.generate import generate
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
