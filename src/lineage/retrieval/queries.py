"""Synthetic training queries for documents that nobody has asked about: sentences and samples of words of their text.

They are made from the document alone, so they teach a retriever to name documents by what they say, and nothing of how
people ask. Each depends on the seed, the document's id and its text only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from lineage.config.retrieval_sets import Synthetic
from lineage.retrieval.analyzer import STOP_WORDS
from lineage.retrieval.sets.raw import SourceDocument, SourceQuery
from lineage.retrieval.splits import SYNTHETIC

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_SENTENCE_LENGTH = 4
"""A sentence is cut behind this many times `words`."""
_SHORTEST_SENTENCE = 4


def synthetic_queries(config: Synthetic, document: SourceDocument) -> Iterator[SourceQuery]:
    """Different training queries about one document; fewer than asked for where its text is short."""
    banned = set() if config.title_words else {word.lower() for word in _WORD.findall(document.title)}
    made: dict[str, str] = {}
    for text in _sentences(config, document, banned):
        made.setdefault(text, f"{SYNTHETIC}sentence")
    for text in _samples(config, document, banned):
        made.setdefault(text, f"{SYNTHETIC}keywords")
    for number, (text, kind) in enumerate(made.items()):
        yield SourceQuery(f"{document.id}:synthetic:{number}", text, "train", kind)


def _sentences(config: Synthetic, document: SourceDocument, banned: set[str]) -> Iterator[str]:
    found = []
    for sentence in _SENTENCE_END.split(document.text):
        words = [word for word in _WORD.findall(sentence) if word.lower() not in banned]
        if len(words) >= _SHORTEST_SENTENCE:
            found.append(" ".join(words[: _SENTENCE_LENGTH * config.words]))
    found = list(dict.fromkeys(found))
    _random(config, document, "sentences").shuffle(found)
    yield from found[: config.sentences]


def _samples(config: Synthetic, document: SourceDocument, banned: set[str]) -> Iterator[str]:
    """Words in the order of the text, each word once."""
    words = [word.lower() for word in _WORD.findall(document.text)]
    content = list(dict.fromkeys(word for word in words if word not in STOP_WORDS and word not in banned))
    if not content:
        return
    random = _random(config, document, "keywords")
    for _ in range(config.keywords):
        chosen = sorted(random.sample(range(len(content)), min(config.words, len(content))))
        yield " ".join(content[index] for index in chosen)


def _random(config: Synthetic, document: SourceDocument, purpose: str) -> Random:
    """A stream of its own for each document and purpose; Python seeds it from a hash of the text on every machine."""
    return Random(f"{config.seed}/{purpose}/{document.id}")
