"""Sentences from patterns: neutral background, remarks about an entity, and capital letters and articles done right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

from lineage.world.wordlists import words

TOPICS = ("weather", "market", "garden", "travel", "house", "lessons", "workshop", "evening", "history", "letters")
"""Topics of neutral prose; the patterns of each stand in `words/prose_<topic>.txt`."""

_SLOTS: Mapping[str, str] = {
    "adj": "adjective",
    "thing": "thing",
    "people": "people",
    "act": "act",
    "spot": "spot",
    "time": "time",
    "reason": "reason",
}
_BEFORE_VOWEL = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a document, and the fact that it states, if any."""

    text: str
    fact: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before its sentences are joined."""

    id: str
    title: str
    source: str
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """The sentences, joined by single spaces."""
        return " ".join(sentence.text for sentence in self.sentences)


def finish(clause: str) -> str:
    """A clause as a sentence: `a` or `an` by the letter that follows, capital letter, full stop.

    The word lists hold no word such as "useful" or "hour" whose sound and first letter differ.

    >>> finish("nobody saw a old gate")
    'Nobody saw an old gate.'
    """
    clause = _BEFORE_VOWEL.sub(r"\1n ", clause)
    return clause[0].upper() + clause[1:] + "."


@cache
def _pieces(pattern: str) -> tuple[str, ...]:
    """Literal text and slot names by turns, literal first."""
    return tuple(re.split(r"\{(\w+)\}", pattern))


def fill(pattern: str, random: Random, given: Mapping[str, str] | None = None) -> str:
    """The pattern with each slot filled: from `given`, else by a random word of the slot's list; no word twice."""
    pieces = list(_pieces(pattern))
    used: set[str] = set()
    for index in range(1, len(pieces), 2):
        slot = pieces[index]
        if given is not None and slot in given:
            pieces[index] = given[slot]
            continue
        capital = slot[0].isupper()
        word = _fresh(words(_SLOTS[slot.lower()]), random, used)
        pieces[index] = word.capitalize() if capital else word
    return "".join(pieces)


def _fresh(choices: tuple[str, ...], random: Random, used: set[str]) -> str:
    word = _choice(choices, random)
    while word in used:
        word = _choice(choices, random)
    used.add(word)
    return word


def _choice(choices: tuple[str, ...], random: Random) -> str:
    return choices[int(random.random() * len(choices))]


def sentences(pattern_list: str, count: int, random: Random, given: Mapping[str, str] | None = None) -> list[Sentence]:
    """`count` sentences from different patterns of `words/<pattern_list>.txt`."""
    patterns = random.sample(words(pattern_list), count)
    return [Sentence(finish(fill(pattern, random, given))) for pattern in patterns]


def neutral(random: Random) -> Sentence:
    """One background sentence on any topic."""
    return sentences(f"prose_{_choice(TOPICS, random)}", 1, random)[0]


def background(count: int, random: Random) -> list[Draft]:
    """Neutral documents that name no entity: five or six sentences on one topic and one on another."""
    drafts = []
    for index in range(count):
        topic = _choice(TOPICS, random)
        body = sentences(f"prose_{topic}", random.choice((4, 5, 6)), random)
        body.append(neutral(random))
        title = finish(fill(_choice(words("title_patterns"), random), random)).rstrip(".")
        drafts.append(Draft(f"background-{index:05d}", title, "world/background", tuple(body)))
    return drafts
