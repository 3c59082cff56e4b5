"""Planted copies: exact ones, and near ones whose similarity with the original is known to be high.

Only background and fact documents are copied, each at most once. A near copy changes remarks, never a sentence that
states a fact, so the copy of a document states what the original states.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import floor
from random import Random

from lineage.config.world import World
from lineage.errors import UserError
from lineage.world.prose import Draft, Sentence, finish
from lineage.world.randomness import stream
from lineage.world.tables import Duplicate
from lineage.world.wordlists import words

NEAR_SIMILARITY = 0.85
"""Least Jaccard similarity of original and near copy, in 5-grams of words and of characters."""

_GRAM = 5
_TRIES = 30
_COPIED_SOURCES = ("world/background", "world/facts")


def plant(config: World, drafts: Sequence[Draft]) -> tuple[list[Draft], list[Duplicate]]:
    """Copies of some of the drafts, and the table that names them.

    Raises:
        UserError: the shares ask for more copies than there are documents to copy.
    """
    random = stream(config.seed, "duplicates")
    copied = [draft for draft in drafts if draft.source in _COPIED_SOURCES]
    exact = floor(config.duplicate_share * len(copied))
    near = floor(config.near_duplicate_share * len(copied))
    order = random.sample(copied, len(copied))
    copies = [replace(draft, id=f"{draft.id}-copy") for draft in order[:exact]]
    table = [Duplicate(draft.id, f"{draft.id}-copy", "exact") for draft in order[:exact]]
    for draft in order[exact:]:
        if near == 0:
            break
        body = near_copy(draft.sentences, random)
        if body is not None:
            near -= 1
            copies.append(replace(draft, id=f"{draft.id}-copy", sentences=body))
            table.append(Duplicate(draft.id, f"{draft.id}-copy", "near"))
    if near:
        raise UserError(
            f"world: {near} near copies of the {config.near_duplicate_share} wanted find no document that is long "
            f"enough. Lower near_duplicate_share or raise background_documents."
        )
    return copies, table


def near_copy(sentences: Sequence[Sentence], random: Random) -> tuple[Sentence, ...] | None:
    """The sentences with one small change, or None where no change leaves them similar enough."""
    original = " ".join(sentence.text for sentence in sentences)
    for _ in range(_TRIES):
        changed = random.choice((_drop, _change_word, _add_lead))(list(sentences), random)
        text = " ".join(sentence.text for sentence in changed)
        if text != original and similarity(original, text) >= NEAR_SIMILARITY:
            return tuple(changed)
    return None


def _free(sentences: Sequence[Sentence]) -> list[int]:
    return [index for index, sentence in enumerate(sentences) if sentence.fact is None]


def _drop(sentences: list[Sentence], random: Random) -> list[Sentence]:
    free = _free(sentences)
    if free:
        sentences.pop(random.choice(free))
    return sentences


def _change_word(sentences: list[Sentence], random: Random) -> list[Sentence]:
    """One adjective of a remark becomes another one that takes the same article."""
    places = [
        (index, position)
        for index in _free(sentences)
        for position, word in enumerate(sentences[index].text.split())
        if word in words("adjective")
    ]
    if places:
        index, position = random.choice(places)
        parts = sentences[index].text.split()
        old = parts[position]
        alike = [word for word in words("adjective") if word != old and (word[0] in "aeiou") == (old[0] in "aeiou")]
        parts[position] = random.choice(alike)
        sentences[index] = Sentence(" ".join(parts))
    return sentences


def _add_lead(sentences: list[Sentence], random: Random) -> list[Sentence]:
    index = random.choice(_free(sentences) or [0])
    if sentences[index].fact is None:
        text = sentences[index].text
        first = text.split()[0]
        clause = text if first.lower() not in words("opening") else text[0].lower() + text[1:]
        sentences[index] = Sentence(finish(f"{random.choice(words('near_lead'))}, {clause.rstrip('.')}"))
    return sentences


def similarity(one: str, other: str) -> float:
    """The smaller Jaccard similarity of word 5-grams and of character 5-grams.

    >>> similarity("a b c d e f", "a b c d e f")
    1.0
    """
    return min(_jaccard(one.split(), other.split()), _jaccard(one, other))


def _jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    first, second = (
        {tuple(text[i : i + _GRAM]) for i in range(max(1, len(text) - _GRAM + 1))} for text in (one, other)
    )
    return len(first & second) / len(first | second)
