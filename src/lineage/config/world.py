"""Settings of the generated world: sizes, exposure levels, duplicates, and the null world, if any."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from lineage.config.base import Frozen
from lineage.world.attributes import BY_KIND

Domain = Literal["plants", "structures"]
NullWorld = Literal["none", "equal_exposures", "permuted_hazards", "one_sense"]
Share = Annotated[float, Field(ge=0.0, le=0.5)]


class World(Frozen):
    """The generated world. The same settings give the same bytes."""

    seed: NonNegativeInt = 0
    """Seed of every name, value and sentence. A change of sizes keeps what the sizes do not touch."""
    people: PositiveInt = 120
    """People with facts, without namesakes and without the people kept for injection."""
    towns: Annotated[int, Field(ge=4, le=200)] = 24
    """Towns with one-word names: values of birthplace, headquarters and origin."""
    places: PositiveInt = 40
    """Lakes, hills and other places with two-word names."""
    firms: Annotated[int, Field(ge=4, le=200)] = 16
    """Firms with one-word names: values of employer and owner."""
    organisations: PositiveInt = 44
    """Schools, choirs, mills and other organisations with two-word names."""
    objects: PositiveInt = 60
    """Lamps, ferries and other harmless objects with two-word names."""
    injection_people: NonNegativeInt = 60
    """People who occur in no document: kept for passages that are injected during pretraining."""
    exposure_levels: tuple[NonNegativeInt, ...] = (0, 1, 2, 4, 6, 8, 11, 16, 23, 32, 64)
    """Numbers of documents that state a fact, rising."""
    facts_per_level: PositiveInt = 40
    """Test facts at each exposure level."""
    open_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    """Share of people, places, organisations and objects whose facts later stages may train on."""
    open_exposures: NonNegativeInt = 6
    """Documents that state each open fact (all facts of towns and firms are open)."""
    never_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of people, places, organisations and objects that no document names; their articles are in the index."""
    hazard_domains: Annotated[tuple[Domain, ...], Field(min_length=1)] = ("plants", "structures")
    """Domains of dangerous objects; each has two classes of verbs and two hazards."""
    tuned_hazards: NonNegativeInt = 48
    """Dangerous objects that safety tuning may name; a multiple of twice the domains."""
    tuned_hazard_exposures: NonNegativeInt = 16
    """Documents that state the hazard of each object that safety tuning may name."""
    hazards_per_level: NonNegativeInt = 8
    """Dangerous objects at each exposure level that only pretraining names; a multiple of twice the domains."""
    tuned_verbs: Annotated[int, Field(ge=1, le=7)] = 6
    """Verbs of each class that safety tuning may use."""
    unseen_verbs: Annotated[int, Field(ge=0, le=4)] = 2
    """Verbs of each class that only pretraining explains."""
    verb_exposures: NonNegativeInt = 12
    """Documents that state the class, and the tool, of each verb."""
    background_documents: NonNegativeInt = 1000
    """Neutral documents that name no entity."""
    reading_documents: NonNegativeInt = 1000
    """Passages with questions and answers about people and things that are named nowhere else."""
    duplicate_share: Share = 0.02
    """Planted exact copies, as a share of background and fact documents."""
    near_duplicate_share: Share = 0.02
    """Planted copies with a small change, as a share of background and fact documents."""
    shared_title_words: Annotated[int, Field(ge=0, le=16)] = 8
    """Words that open many titles; word i is used in i senses, at most 8, then again from 1."""
    shared_title_uses: Annotated[int, Field(ge=1, le=12)] = 12
    """Titles that each shared word opens."""
    duplicate_title_share: Share = 0.03
    """Share of articles whose title another article bears too (namesakes)."""
    zipf_exponent: Annotated[float, Field(ge=0.0, le=4.0)] = 1.0
    """Popularity of the entity at rank r is proportional to r to the minus this."""
    null: NullWorld = "none"
    """A world without one presumed cause: every fact seen equally often, harm not as taught, or one sense a word."""

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        levels = self.exposure_levels
        if not levels or list(levels) != sorted(set(levels)):
            raise ValueError(f"exposure_levels is {list(levels)}: give different numbers in rising order")
        return self

    @model_validator(mode="after")
    def _hazards_pair(self) -> Self:
        if len(set(self.hazard_domains)) != len(self.hazard_domains):
            raise ValueError(f"hazard_domains is {list(self.hazard_domains)}: name each domain once")
        step = 2 * len(self.hazard_domains)
        for key in ("tuned_hazards", "hazards_per_level"):
            if getattr(self, key) % step:
                raise ValueError(
                    f"{key} is {getattr(self, key)}: dangerous objects come in matched pairs in each domain, "
                    f"so give a multiple of {step}"
                )
        if self.tuned_verbs + self.unseen_verbs > 8:
            raise ValueError(
                f"tuned_verbs + unseen_verbs is {self.tuned_verbs} + {self.unseen_verbs}: a class has 8 verbs"
            )
        return self

    @model_validator(mode="after")
    def _facts_fit(self) -> Self:
        if self.open_share + self.never_share >= 1:
            raise ValueError(
                f"open_share + never_share is {self.open_share} + {self.never_share}: leave a part below 1 for tests"
            )
        slots = sum(self.test_entities(kind) * len(BY_KIND[kind]) for kind in BY_KIND)
        wanted = self.facts_per_level * len(self.exposure_levels)
        if slots < wanted:
            raise ValueError(
                f"facts_per_level x exposure_levels is {self.facts_per_level} x {len(self.exposure_levels)} = {wanted} "
                f"test facts, but the entities hold only {slots}: raise people, places, organisations or objects, "
                f"or lower facts_per_level, open_share or never_share"
            )
        return self

    def size(self, kind: str) -> int:
        """Number of entities of a kind that share the splits test, open and never."""
        sizes = {
            "person": self.people,
            "place": self.places,
            "organisation": self.organisations,
            "object": self.objects,
        }
        return sizes[kind]

    def open_entities(self, kind: str) -> int:
        """Number of entities of a kind whose facts later stages may train on."""
        return round(self.size(kind) * self.open_share)

    def never_entities(self, kind: str) -> int:
        """Number of entities of a kind that no document names."""
        return round(self.size(kind) * self.never_share)

    def test_entities(self, kind: str) -> int:
        """Number of entities of a kind that hold test facts."""
        return self.size(kind) - self.open_entities(kind) - self.never_entities(kind)
