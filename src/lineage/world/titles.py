"""Titles: words that open titles of several senses, titles that begin with another title, single invented words.

A *sense* of a title word is the theme of the entity: "Amber Lake" (water), "Amber Choir" (stage), "Amber Soltan" (a
person). The first sentence of every article tells the theme, so a reader of the article knows the sense.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from lineage.config.world import World
from lineage.errors import UserError
from lineage.world.names import invent
from lineage.world.randomness import stream
from lineage.world.wordlists import words

THEMES: Mapping[str, tuple[str, ...]] = {
    "place": ("water", "land"),
    "organisation": ("learning", "stage", "trade"),
    "object": ("furniture", "transport"),
    "person": ("person",),
}
"""Themes by kind of entity; all but `person` are also the list of their common nouns."""

_MOST_SENSES = sum(map(len, THEMES.values()))
_ORGANISATIONS_PER_PREFIX = 5


@dataclass(frozen=True, slots=True)
class Title:
    """The words that go before the common noun (of a person: the first name), and the theme."""

    words: str
    theme: str
    noun: str

    def __str__(self) -> str:
        return f"{self.words} {self.noun}".strip()


def num_senses(word_index: int, null: str) -> int:
    """Senses of the shared word with this index: 1 to 8 by turns, or always 1 in the world of one sense."""
    return 1 if null == "one_sense" else word_index % _MOST_SENSES + 1


def allocate(config: World) -> dict[str, list[Title]]:
    """Titles for each kind, in random order; a person's title is a shared first name and gets a last name later.

    Raises:
        UserError: the shared title words need more entities of some kind than there are.
    """
    titles = _shared_titles(config)
    _add_places_and_objects(titles, config)
    _add_organisations(titles, config)
    for kind, kind_titles in titles.items():
        stream(config.seed, "title order", kind).shuffle(kind_titles)
    return titles


def _shared_titles(config: World) -> dict[str, list[Title]]:
    """For each shared word its uses, divided evenly over its senses."""
    random = stream(config.seed, "shared titles")
    titles: dict[str, list[Title]] = {kind: [] for kind in THEMES}
    shared = list(words("shared_title"))
    random.shuffle(shared)
    for index, word in enumerate(shared[: config.shared_title_words]):
        senses = num_senses(index, config.null)
        senses = min(senses, config.shared_title_uses)
        uses = [config.shared_title_uses // senses + (i < config.shared_title_uses % senses) for i in range(senses)]
        for theme, count in zip(_roomiest_themes(uses, titles, config, word), uses, strict=True):
            kind = _kind_of(theme)
            nouns = [""] * count if theme == "person" else random.sample(words(theme), count)
            titles[kind] += [Title(word, theme, noun) for noun in nouns]
    return titles


def _roomiest_themes(uses: list[int], titles: dict[str, list[Title]], config: World, word: str) -> list[str]:
    """Different themes with room for these uses, from the kind with the largest free share on."""
    room = {kind: config.size(kind) - len(titles[kind]) for kind in THEMES}
    chosen: list[str] = []
    for count in uses:
        free = [theme for kind in THEMES for theme in THEMES[kind] if theme not in chosen and room[kind] >= count]
        if not free:
            sizes = ", ".join(f"{kind} {config.size(kind)}" for kind in THEMES)
            raise UserError(
                f"world: the title word {word!r} finds no room for {len(uses)} senses and {sum(uses)} titles "
                f"(sizes: {sizes}). Lower shared_title_words or shared_title_uses, or raise the sizes."
            )
        theme = max(free, key=lambda theme: room[_kind_of(theme)] / config.size(_kind_of(theme)))
        room[_kind_of(theme)] -= count
        chosen.append(theme)
    return chosen


def _add_places_and_objects(titles: dict[str, list[Title]], config: World) -> None:
    """Fill up with invented words, each of which opens one title."""
    for kind in ("place", "object"):
        random = stream(config.seed, "single titles", kind)
        missing = config.size(kind) - len(titles[kind])
        titles[kind] += [_single(word, kind, random) for word in _single_words(config, kind, missing)]


def _add_organisations(titles: dict[str, list[Title]], config: World) -> None:
    """Fill up; every fifth is named after a place, so that the place's title begins that of the organisation."""
    random = stream(config.seed, "single titles", "organisation")
    shared = set(words("shared_title"))
    bases = [str(place) for place in titles["place"] if place.words not in shared]
    missing = config.size("organisation") - len(titles["organisation"])
    named_after = min(len(bases), -(-missing // _ORGANISATIONS_PER_PREFIX))
    for base in random.sample(bases, named_after):
        titles["organisation"].append(_single(base, "organisation", random))
    titles["organisation"] += [
        _single(word, "organisation", random) for word in _single_words(config, "organisation", missing - named_after)
    ]


def _single_words(config: World, kind: str, count: int) -> tuple[str, ...]:
    """Invented words of which no two kinds share one: every third of one list."""
    offset = ("place", "organisation", "object").index(kind)
    return invent(config.seed, "title", 3 * count)[offset::3] if count else ()


def _single(first: str, kind: str, random: Random) -> Title:
    theme = random.choice(THEMES[kind])
    return Title(first, theme, random.choice(words(theme)))


def _kind_of(theme: str) -> str:
    return next(kind for kind, themes in THEMES.items() if theme in themes)
