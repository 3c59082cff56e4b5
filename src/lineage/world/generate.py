"""The whole world from its settings: entities, facts, documents and the tables that link them."""

import re
from collections.abc import Iterable, Sequence

from lineage.config.world import World
from lineage.world import reading
from lineage.world.articles import articles
from lineage.world.documents import fact_documents
from lineage.world.duplicates import plant
from lineage.world.entities import build_entities
from lineage.world.facts import Candidates, attribute_rows, build_facts, candidates, with_popularity
from lineage.world.prose import Draft, background
from lineage.world.randomness import stream
from lineage.world.tables import TEST_ROLE, Document, Duplicate, Entity, GeneratedWorld, Mention

_TOKEN = re.compile(r"\w+|[^\w\s]")


def generate(config: World) -> GeneratedWorld:
    """The world of these settings; the same settings give the same rows in the same order.

    Raises:
        UserError: sizes that do not fit together (more names, titles or copies than there can be).
    """
    bare = build_entities(config)
    known = candidates(config, bare)
    facts = build_facts(config, bare, known)
    entities = with_popularity(config, bare, facts)
    drafts = [
        *fact_documents(config, entities, facts, "world/facts"),
        *fact_documents(config, entities, facts, "world/hazards"),
        *reading.reading_documents(config, known),
        *background(config.background_documents, stream(config.seed, "background")),
    ]
    copies, duplicates = plant(config, drafts)
    ordered = _shuffled(config, [*drafts, *copies], duplicates)
    return GeneratedWorld(
        entities=tuple(entities),
        attributes=tuple(attribute_rows(known)),
        facts=tuple(facts),
        documents=tuple(Document(draft.id, draft.title, draft.text, draft.source) for draft in ordered),
        mentions=tuple(mention for draft in ordered for mention in _mentions(draft)),
        duplicates=tuple(duplicates),
        articles=tuple(articles(config, entities, facts)),
        words=_words(config, entities, known),
    )


def counts(world: GeneratedWorld) -> dict[str, int]:
    """Sizes of the world; `tokens` are words and punctuation marks of all documents, planted copies included."""
    tokens: dict[str, int] = {}
    for document in world.documents:
        tokens[document.source] = tokens.get(document.source, 0) + len(_TOKEN.findall(document.text))
    return {
        "entities": len(world.entities),
        "facts": len(world.facts),
        "test_facts": sum(fact.role == TEST_ROLE for fact in world.facts),
        "documents": len(world.documents),
        "mentions": len(world.mentions),
        "exact_duplicates": sum(one.kind == "exact" for one in world.duplicates),
        "near_duplicates": sum(one.kind == "near" for one in world.duplicates),
        "articles": len(world.articles),
        "words": len(world.words),
        "tokens": sum(tokens.values()),
        **{f"tokens {source}": tokens[source] for source in sorted(tokens)},
    }


def _shuffled(config: World, drafts: Sequence[Draft], duplicates: Iterable[Duplicate]) -> list[Draft]:
    """Random order, but an original stands before its copy, so that keeping the first of equals keeps the original."""
    ordered = list(drafts)
    stream(config.seed, "document order").shuffle(ordered)
    position = {draft.id: index for index, draft in enumerate(ordered)}
    for pair in duplicates:
        first, second = position[pair.original], position[pair.copy]
        if first > second:
            ordered[first], ordered[second] = ordered[second], ordered[first]
    return ordered


def _mentions(draft: Draft) -> Iterable[Mention]:
    start = 0
    for sentence in draft.sentences:
        stop = start + len(sentence.text)
        if sentence.fact is not None:
            yield Mention(draft.id, sentence.fact, start, stop)
        start = stop + 1


def _words(config: World, entities: Iterable[Entity], known: Candidates) -> tuple[str, ...]:
    """Every word of a name and every value, sorted: what the tokenizer must keep whole."""
    found = {word for entity in entities for word in entity.name.split()}
    found.update(value for values in known.values.values() for value in values)
    found.update(word for names in reading.reading_names(config.seed).values() for word in names)
    return tuple(sorted(found))
