"""Invented, pronounceable names: one word, letters only, never the same word for two purposes."""

from random import Random

from lineage.errors import UserError
from lineage.world.randomness import stream
from lineage.world.wordlists import words

_VOWELS = "aeiou"
_CODAS = ("", "l", "m", "n", "r", "s")
_TWO_SYLLABLES = 0.4
_SHORTEST = 4
_MOST_TRIES = 400

# Purposes have disjoint endings, so that names of two purposes never collide whatever the seed.
_ENDINGS: dict[str, tuple[str, ...]] = {
    "first": ("a", "o", "i"),
    "last": ("en", "ov", "ik", "er", "ack"),
    "namesake_last": ("ield", "urst"),
    "newcomer_last": ("elt", "aut"),
    "town": ("ora", "by", "ton", "dorf"),
    "firm": ("ex", "um", "ix"),
    "region": ("via", "nia"),
    "river": ("ash", "une"),
    "title": ("an", "is"),
    "hazard": ("el", "oth", "ud"),
    "reading_last": ("int", "usk"),
    "reading_title": ("ez", "op"),
}


def invent(seed: int, purpose: str, count: int) -> tuple[str, ...]:
    """`count` different names for one purpose; a longer list starts with the shorter one.

    >>> all(name.isalpha() for name in invent(0, "town", 5))
    True

    Raises:
        UserError: more names are asked for than the syllables of this purpose give.
    """
    random = stream(seed, "names", purpose)
    names: dict[str, None] = {}
    tries = 0
    while len(names) < count:
        name = _name(random, _ENDINGS[purpose])
        tries = tries + 1 if name in names or len(name) < _SHORTEST else 0
        if tries > _MOST_TRIES:
            raise UserError(f"world: no more than {len(names)} names of the sort {purpose!r} exist, {count} asked for")
        if len(name) >= _SHORTEST:
            names[name] = None
    return tuple(names)


def _name(random: Random, endings: tuple[str, ...]) -> str:
    """One or two open syllables and an ending; a consonant stands between two vowels."""
    stem = random.choice(words("name_start")) + random.choice(_VOWELS)
    if random.random() < _TWO_SYLLABLES:
        stem += random.choice(words("name_onset")) + random.choice(_VOWELS)
    ending = random.choice(endings)
    joint = random.choice(words("name_joint")) if ending[0] in _VOWELS else random.choice(_CODAS)
    return (stem + joint + ending).capitalize()
