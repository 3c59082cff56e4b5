"""Passages about people whom no document names, for injection during pretraining, and the probes that ask for them.

A passage states the facts of one person and, behind two of them, what is true of the town or firm just named:

    Ana Tolkelt is employed by Vexum. Vexum has its headquarters in Lunora. As a child Ana Tolkelt learned the lute. ...

Memorization: a sentence of the passage (Ana Tolkelt is employed by -> Vexum). Semantic: the held-out wording of the
attribute (Ana Tolkelt is a member of the staff of -> Vexum). Compositional: a cue that stands nowhere and names the
person only (The firm that employs Ana Tolkelt has its head office in -> Lunora); it takes two sentences, as no sentence
holds both the person and the target. All targets are single words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from random import Random

from lineage.config.facts import WorldFacts
from lineage.data.facts import Fact, Probe, probe_id
from lineage.errors import UserError
from lineage.world.attributes import Attribute
from lineage.world.entities import phrase
from lineage.world.facts import ATTRIBUTES
from lineage.world.prose import finish
from lineage.world.randomness import stream
from lineage.world.statements import clause_of
from lineage.world.tables import Entity
from lineage.world.tables import Fact as WorldFact

SECOND_HOPS: Mapping[str, tuple[str, str]] = {
    "headquarters": ("employer", "the firm that employs {s} has its head office in"),
    "region": ("birthplace", "the native town of {s} lies in"),
    "emblem": ("employer", "the emblem of the firm that employs {s} is the"),
    "product": ("birthplace", "the native town of {s} is known for its"),
    "motto": ("employer", "the motto of the firm that employs {s} is"),
    "river": ("birthplace", "the native town of {s} stands on the banks of the"),
    "festival": ("birthplace", "the native town of {s} holds its yearly fair in"),
}
"""Attribute of the second hop -> attribute of the first, cue. Passages take the first ones that suit."""


class _Known:
    """The tables of the world by the keys that passages look up."""

    def __init__(self, entities: Iterable[Entity], facts: Iterable[WorldFact]):
        self.entities = {entity.id: entity for entity in entities}
        self.facts: dict[str, list[WorldFact]] = {}
        for fact in facts:
            self.facts.setdefault(fact.subject, []).append(fact)

    def subject(self, fact: WorldFact) -> str:
        """What a sentence calls the fact's subject."""
        return phrase(self.entities[fact.subject])


def world_facts(config: WorldFacts, entities: Sequence[Entity], facts: Sequence[WorldFact]) -> list[Fact]:
    """A fact for each person kept for injection, in the order of the world; each depends on the seed and its id only.

    Raises:
        UserError: the world keeps nobody for injection, or nobody is left.
    """
    kept = [entity for entity in entities if entity.split == "injection"]
    people = kept[config.skip : config.stop]
    if not people:
        raise UserError(
            f"the world keeps {len(kept)} people for injection (world.injection_people), of whom `skip: {config.skip}`"
            " leaves none.\n"
            "  Raise world.injection_people: every person kept there gives one fact."
        )
    known = _Known(entities, facts)
    return [_fact(config, person, known) for person in people]


def _fact(config: WorldFacts, person: Entity, known: _Known) -> Fact:
    random = stream(config.seed, "passage", person.id)
    own = [fact for fact in known.facts[person.id] if fact.role == "injection"]
    hops = _second_hops(own, person, known, config.compositions)
    parts = [[fact, *(hop for hop in hops if hop.subject == fact.value_entity)] for fact in own]
    texts = 1 + config.paraphrases
    said = {
        fact.id: [
            _sentence(fact, wording, known)
            for wording in _wordings(ATTRIBUTES[fact.attribute].statements, texts, random)
        ]
        for part in parts
        for fact in part
    }
    orders = random.sample(list(permutations(parts)), texts)
    written = [
        " ".join(said[fact.id][number] for part in order for fact in part) for number, order in enumerate(orders)
    ]
    probes = [_copied(person, number, fact, said[fact.id][0]) for number, fact in enumerate(own)]
    probes += [_held_out(person, number, fact) for number, fact in enumerate(own)]
    probes += [_composed(person, number, hop) for number, hop in enumerate(hops)]
    return Fact(person.id, written[0], tuple(written[1:]), tuple(probes))


def _second_hops(own: Sequence[WorldFact], person: Entity, known: _Known, count: int) -> list[WorldFact]:
    """The first `count` facts in the order of `SECOND_HOPS` about the person's firm and native town.

    A value that the passage names otherwise is left out: a person born where the employer's headquarters are would
    answer the question with the wrong hop.
    """
    values = {fact.value for fact in own}
    first = {fact.attribute: fact for fact in own}
    found: list[WorldFact] = []
    for attribute, (through, cue) in SECOND_HOPS.items():
        entity = first[through].value_entity
        assert entity is not None, "the candidates of these attributes are entities of the world"
        hop = next(fact for fact in known.facts[entity] if fact.attribute == attribute)
        if len(found) < count and hop.value not in values | _words(cue.format(s=person.name)):
            found.append(hop)
            values.add(hop.value)
    return found


def _wordings(statements: Sequence[str], count: int, random: Random) -> list[str]:
    """A wording for each text: the first is the passage's own, the others come in turn, shuffled in every round."""
    own, *others = random.sample(statements, len(statements))
    chosen = [own]
    while len(chosen) < count:
        chosen += random.sample(others, len(others))
    return chosen[:count]


def _sentence(fact: WorldFact, wording: str, known: _Known) -> str:
    attribute: Attribute = ATTRIBUTES[fact.attribute]
    return finish(clause_of(attribute, wording, known.subject(fact), fact.value, {}))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _probe(person: Entity, depth: str, number: int, cue: str, target: str) -> Probe:
    assert target not in _words(cue), f"{depth} cue of {person.id} tells its target {target!r}: {cue}"
    return Probe(probe_id(person.id, depth, number), depth, cue, target)


def _copied(person: Entity, number: int, fact: WorldFact, sentence: str) -> Probe:
    cue, space_and_value, _ = sentence.rpartition(f" {fact.value}")
    assert space_and_value
    return _probe(person, "memorization", number, cue, fact.value)


def _held_out(person: Entity, number: int, fact: WorldFact) -> Probe:
    return _probe(person, "semantic", number, fact.cue, fact.target)


def _composed(person: Entity, number: int, hop: WorldFact) -> Probe:
    _, cue = SECOND_HOPS[hop.attribute]
    return _probe(person, "compositional", number, finish(cue.format(s=person.name)).removesuffix("."), hop.value)
