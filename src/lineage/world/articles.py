"""One article for each entity: the documents of the retrieval index. They are no pretraining text.

The first sentence tells the theme, which is the sense of the title's first word; then every fact of the entity is
stated, those that no pretraining document states and those that pictures show included.
"""

from collections.abc import Mapping, Sequence

from lineage.config.world import World
from lineage.world.documents import remarks
from lineage.world.entities import phrase
from lineage.world.facts import has_article
from lineage.world.prose import Sentence, finish
from lineage.world.randomness import stream
from lineage.world.statements import statement
from lineage.world.tables import Article, Entity, Fact

_THEME_WORDS: Mapping[str, str] = {
    "person": "a person, known to many people of the country",
    "town": "a town with streets, squares and some thousand people",
    "firm": "a firm that does business all over the country",
    "water": "a {noun}, one of the waters of the country",
    "land": "a {noun}, one of the landscapes of the country",
    "learning": "a {noun}, one of the houses of learning",
    "stage": "a {noun}, well known on the stages of the country",
    "trade": "a {noun}, one of the workshops of the country",
    "furniture": "a {noun}, a piece of furniture for the house",
    "transport": "a {noun}, made to carry people from place to place",
    "plants": "a {noun}, one of the wild plants of the country",
    "structures": "a {noun}, one of the buildings near the harbours",
}


def articles(config: World, entities: Sequence[Entity], facts: Sequence[Fact]) -> list[Article]:
    """The articles in the order of the entities; each depends on the seed, its entity and its facts only."""
    by_entity: dict[str, list[Fact]] = {}
    for fact in facts:
        by_entity.setdefault(fact.subject, []).append(fact)
    return [_article(config, entity, by_entity[entity.id]) for entity in entities if has_article(entity)]


def _article(config: World, entity: Entity, facts: Sequence[Fact]) -> Article:
    random = stream(config.seed, "article", entity.id)
    theme = _THEME_WORDS[entity.theme].format(noun=entity.noun)
    body = [Sentence(finish(f"{phrase(entity)} is {theme}"))]
    body += [statement(fact, entity, random) for fact in facts]
    body += remarks(entity, 1, random)
    return Article(entity.id, entity.title, " ".join(sentence.text for sentence in body))
