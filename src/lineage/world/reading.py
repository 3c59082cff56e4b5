"""Reading documents: a passage about people and things that are named nowhere else, then questions with answers.

The names and values are drawn anew for each document, so that the only way to answer is to read. The values come from
the world's closed lists, the subjects from lists of their own: no exposure of any fact of the world is touched.
"""

from collections.abc import Mapping, Sequence
from random import Random

from lineage.config.world import World
from lineage.world.attributes import BY_KIND, Attribute
from lineage.world.facts import Candidates
from lineage.world.names import invent
from lineage.world.prose import Draft, Sentence, finish, neutral
from lineage.world.randomness import stream
from lineage.world.titles import THEMES
from lineage.world.wordlists import words

SOURCE = "world/reading"
_NAMES = 40
_KINDS = ("person", "person", "place", "organisation", "object")


def reading_names(seed: int) -> Mapping[str, tuple[str, ...]]:
    """First words, last names and title words that only reading documents use (first names are shared)."""
    return {
        "first": invent(seed, "first", _NAMES),
        "last": invent(seed, "reading_last", _NAMES),
        "title": invent(seed, "reading_title", _NAMES),
    }


def reading_documents(config: World, known: Candidates) -> list[Draft]:
    """Passages of three or four facts about two or three subjects, with two questions each."""
    names = reading_names(config.seed)
    random = stream(config.seed, "reading")
    return [_document(f"reading-{index:05d}", names, known, random) for index in range(config.reading_documents)]


def _document(identifier: str, names: Mapping[str, Sequence[str]], known: Candidates, random: Random) -> Draft:
    kind = random.choice(_KINDS)
    subjects = _subjects(kind, random.choice((2, 2, 3)), names, random)
    stated: list[tuple[str, Attribute, str]] = []
    for attribute in random.sample(BY_KIND[kind], 2 if len(subjects) == 2 else 1):
        values = random.sample(known.values[attribute.name], len(subjects))
        stated += [(subject, attribute, value) for subject, value in zip(subjects, values, strict=True)]
    random.shuffle(stated)
    body = [
        Sentence(finish(random.choice(attribute.statements).format(s=subject, v=value)))
        for subject, attribute, value in stated
    ]
    if random.random() < 0.4:
        body.insert(random.randint(0, len(body)), neutral(random))
    for subject, attribute, value in random.sample(stated, 2):
        question = random.choice(attribute.questions).format(s=subject)
        body.append(Sentence(f"Question: {question} Answer: {value}."))
    title = " and ".join(subjects) if len(subjects) == 2 else f"{', '.join(subjects[:-1])} and {subjects[-1]}"
    return Draft(identifier, finish(title)[:-1], SOURCE, tuple(body))


def _subjects(kind: str, count: int, names: Mapping[str, Sequence[str]], random: Random) -> list[str]:
    """Different subjects of one kind; people have different first and last names."""
    if kind == "person":
        first, last = random.sample(names["first"], count), random.sample(names["last"], count)
        return [f"{one} {other}" for one, other in zip(first, last, strict=True)]
    article = "" if kind == "place" else "the "
    theme = random.choice(THEMES[kind])
    nouns = [random.choice(words(theme)) for _ in range(count)]
    return [f"{article}{one} {noun}" for one, noun in zip(random.sample(names["title"], count), nouns, strict=True)]
