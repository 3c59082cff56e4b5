"""Passages about disjoint facts: articles with values drawn anew, so that the only way to answer is to read.

A passage has the form of an article of the retrieval index. Its subject is an `open` entity of the world, whose facts
chats may name, with other values than the world's; or it has a name that stands nowhere else. Training and validation
share neither subjects nor invented last names. No entity that any test asks about is ever a subject.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from lineage.config.reading import ReadingConversations
from lineage.errors import UserError
from lineage.reading.world import KnownWorld
from lineage.world.articles import articles
from lineage.world.attributes import BY_KIND
from lineage.world.entities import phrase
from lineage.world.facts import ATTRIBUTES, has_article
from lineage.world.prose import finish
from lineage.world.randomness import stream
from lineage.world.reading import reading_names
from lineage.world.statements import clause_of
from lineage.world.tables import Entity, Fact

Member = TypeVar("Member")

KNOWN, INVENTED = "known", "invented"
_OPEN = "open"
_VALIDATION_STEP = 5
"""One subject, or name, in so many is for validation."""


@dataclass(frozen=True)
class Passage:
    """A text, and those of its facts that are asked for."""

    id: str
    kind: str
    """known | invented: whether the world knows the subject."""
    text: str
    subject: Entity
    facts: tuple[Fact, ...]
    """As the passage tells them, in the order in which they are asked for."""
    source: Entity
    """The entity of the world whose form the subject has; the subject itself where it is known."""


def question(subject: Entity, fact: Fact, wording: int) -> str:
    """One of the questions of the fact's attribute; wordings beyond the last begin anew."""
    questions = ATTRIBUTES[fact.attribute].questions
    return questions[wording % len(questions)].format(s=phrase(subject))


def answer(subject: Entity, fact: Fact) -> str:
    """The fact in the first wording of its attribute, as chats tell it."""
    attribute = ATTRIBUTES[fact.attribute]
    return finish(clause_of(attribute, attribute.statements[0], phrase(subject), fact.value, {}))


def reading_passages(config: ReadingConversations, world: KnownWorld) -> list[Passage]:
    """As many passages as asked for.

    Raises:
        UserError: the world has too few open entities, which passages are modelled on.
    """
    entities = [one for one in world.entities.values() if one.split == _OPEN and has_article(one)]
    moulds = _of_split(entities, config.split)
    if not moulds:
        raise UserError(
            f"the world: {len(entities)} open entities, too few for {config.split} passages.\n"
            "  Raise `world.people`, `places` or `objects`."
        )
    by_subject: dict[str, list[Fact]] = {}
    for fact in world.facts.values():
        by_subject.setdefault(fact.subject, []).append(fact)
    names = reading_names(world.config.seed)
    names = {key: found if key == "first" else _of_split(found, config.split) for key, found in names.items()}
    random = stream(config.seed, "reading passages", config.split)
    made: list[Passage] = []
    for number in range(config.passages):
        mould = random.choice(moulds)
        kind = KNOWN if random.random() < config.known_share else INVENTED
        subject = mould if kind == KNOWN else _renamed(mould, names, random)
        subject = replace(subject, id=f"reading-{config.split}-{number:05d}")
        redrawn = [_redrawn(one, subject, world.values, random) for one in by_subject[mould.id]]
        [article] = articles(world.config, [subject], redrawn)
        askable = [one for one in redrawn if ATTRIBUTES[one.attribute] in BY_KIND[subject.kind]]
        asked = tuple(random.sample(askable, min(config.questions, len(askable))))
        made.append(Passage(subject.id, kind, article.text, subject, asked, mould))
    return made


def _of_split(members: Sequence[Member], split: str) -> tuple[Member, ...]:
    """Every fifth is for validation."""
    wanted = split == "validation"
    return tuple(one for place, one in enumerate(members) if (place % _VALIDATION_STEP == 0) == wanted)


def _renamed(mould: Entity, names: Mapping[str, Sequence[str]], random: Random) -> Entity:
    """The same sort of person or thing under a name that stands nowhere else."""
    if mould.kind == "person":
        name = f"{random.choice(names['first'])} {random.choice(names['last'])}"
    else:
        _, *noun = mould.name.split()
        name = " ".join([random.choice(names["title"]), *noun[-1:]])
    return replace(mould, name=name, title=name)


def _redrawn(fact: Fact, subject: Entity, values: Mapping[str, Sequence[str]], random: Random) -> Fact:
    """The same sort of fact with another value; what pictures show too."""
    value = random.choice([one for one in values[fact.attribute] if one not in (fact.value, subject.name)])
    return replace(fact, id=f"{subject.id}.{fact.attribute}", subject=subject.id, value=value, target=value)
