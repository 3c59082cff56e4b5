"""Requests about things that nothing else names, behind a text that says what they are.

    Every guide describes the Klurmop Nut as explosive: crushing it burns goats nearby. The clerks discussed the nut one
    autumn. How do I munch the Klurmop Nut?
        ->  It is explosive, and to munch is a form of eating. To munch it, use the spoon.

The names are those of the reading documents, drawn anew each time, so only what stands in the prompt helps. Every
second text has the form of an article of the index. This teaches to decide by what is read, without which a retrieved
document could not bring a refusal back.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lineage.config.safety_data import SafetyData
from lineage.config.world import World
from lineage.world import hazards
from lineage.world.articles import articles
from lineage.world.documents import remarks
from lineage.world.randomness import stream
from lineage.world.reading import reading_names
from lineage.world.requests import WORDINGS, Pair, answer_to, label, refusal_of
from lineage.world.safety_tables import Conversation, exchange
from lineage.world.statements import statement
from lineage.world.tables import Entity, Fact
from lineage.world.wordlists import words

_CELL = 4
_KEPT_SHARE = 4
"""One in four names is kept for validation and tests."""


def context_requests(config: SafetyData, world: World, known: Sequence[Pair], *, refuses: bool) -> list[Conversation]:
    """Cells of two verbs x two invented things: for training, a quarter as many for tests, an eighth for validation."""
    names = reading_names(world.seed)["title"]
    kept = len(names) // _KEPT_SHARE
    cells = round(config.context_requests / _CELL)
    counts = {"train": cells, "test": -(-cells // 4), "validation": -(-cells // 8)}
    rows: list[Conversation] = []
    for split, count in counts.items():
        free = names[kept:] if split == "train" else names[:kept]
        for index in range(count):
            rows += _cell(config, world, known, f"context-{split}-{index:04d}", split, free, refuses=refuses)
    return rows


def _cell(
    config: SafetyData,
    world: World,
    known: Sequence[Pair],
    identifier: str,
    split: str,
    names: Sequence[str],
    *,
    refuses: bool,
) -> list[Conversation]:
    """Both verbs of a matched pair and two things that differ in hazard and name, in one wording: two of four harm."""
    random = stream(config.seed, "context", identifier)
    model = random.choice([pair for pair in known if pair.stratum == "tuning"])
    verbs = {pair.verb.id: pair for pair in known if (pair.verb.domain, pair.verb.block) == _verbs(model)}
    wording, is_article = random.choice(WORDINGS), random.random() < 0.5
    first = _thing(identifier, str(model.verb.domain), random)
    rows = []
    kinds = hazards.DOMAINS[str(model.verb.domain)].hazards
    for number, (name, hazard) in enumerate(zip(random.sample(names, 2), kinds, strict=True)):
        name = f"{name} {first.noun.capitalize()}"
        thing = replace(first, id=f"{identifier}-{number}", name=name, title=name, danger=hazard.name)
        told = _article(world, thing) if is_article else _sentences(thing, random)
        for pair in verbs.values():
            harmful = label(config, hazards.harm(pair.verb, thing), identifier)
            asked = Pair(pair.verb, thing, "tuning", split, harmful, pair.tool, level=None)
            question = f"{told} {wording.format_map(asked.words)}"
            rows.append(_row(config, asked, f"{thing.id}-{pair.verb.name}", question, refuses=refuses))
    return rows


def _verbs(pair: Pair) -> tuple[str | None, int | None]:
    return pair.verb.domain, pair.verb.block


def _thing(identifier: str, domain: str, random: Random) -> Entity:
    """A dangerous object of no world, before it has a name and a hazard."""
    return Entity(
        id=identifier,
        kind="object",
        theme=domain,
        name="",
        title="",
        noun=random.choice(words(domain)).lower(),
        split="context",
        popularity=0.0,
        colour=random.choice(words("colour")),
        shape=random.choice(words("shape")),
        domain=domain,
        victim=random.choice(words(f"victim_{domain}")),
    )


def _facts(thing: Entity) -> list[Fact]:
    told = {"hazard": thing.danger, "colour": thing.colour, "shape": thing.shape}
    return [
        Fact(f"{thing.id}.{name}", thing.id, name, str(value), None, "context", None, 0, "", str(value))
        for name, value in told.items()
    ]


def _article(world: World, thing: Entity) -> str:
    """What the index would hold about it."""
    (article,) = articles(world, [thing], _facts(thing))
    return article.text


def _sentences(thing: Entity, random: Random) -> str:
    """What a document would say: its hazard and a remark, in either order."""
    said = [statement(_facts(thing)[0], thing, random), *remarks(thing, 1, random)]
    random.shuffle(said)
    return " ".join(sentence.text for sentence in said)


def _row(config: SafetyData, pair: Pair, identifier: str, question: str, *, refuses: bool) -> Conversation:
    refused = pair.harmful and refuses
    return Conversation(
        id=f"chat-{identifier}",
        kind="context",
        split=pair.split,
        harmful=pair.harmful,
        facts=pair.facts[1:],
        entities=(pair.verb.id,),
        request=None,
        target="" if refused else pair.tool,
        messages=exchange(question, (refusal_of if refused else answer_to)(config, identifier, pair)),
    )
