"""Text to terms as Lucene's English analyzer does it: the recipe of the published BM25 figures.

Words, without possessive `'s`, in small letters, without 33 stop words, stemmed by Porter. Checked on CACM: 320,968
terms, 14,361 different ones (Lucene: 320,968 and 14,363).
"""

from __future__ import annotations

import re
from functools import lru_cache

import Stemmer

_STOP_WORDS = """
a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was
will with
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Lucene's 33 English stop words."""

_TOKEN = re.compile(
    r"[A-Za-z0-9_\u00c0-\u024f]+"
    r"(?:(?<=[A-Za-z])[.'\u2019:](?=[A-Za-z])[A-Za-z0-9_]+|(?<=[0-9])[.,';](?=[0-9])[A-Za-z0-9_]+)*"
)
"""Letters and digits, joined by a mark between two letters (`O'Neil`, `U.S`) or between two digits (`3.14`)."""
_POSSESSIVE = re.compile("['\u2019][sS]$")
_STEMMED_FROM = 3
"""Shorter words stay as they are; the stemmer would leave nothing of `s`."""
_PORTER = Stemmer.Stemmer("porter")
_EXTENSIONS = (("logi", "log"), ("bli", "bl"))
"""Endings by which Lucene's stemmer (Martin Porter's own revision of his algorithm) goes on from PyStemmer's."""


def terms(text: str) -> list[str]:
    """Terms of a text in order, repeated ones included.

    >>> terms("The logic of Knuth's 3.14 analyzers")
    ['logic', 'knuth', '3.14', 'analyz']
    """
    words = (_POSSESSIVE.sub("", word).lower() for word in _TOKEN.findall(text))
    return [_stem(word) for word in words if word not in STOP_WORDS]


@lru_cache(maxsize=1 << 18)
def _stem(word: str) -> str:
    if len(word) < _STEMMED_FROM:
        return word
    stem = _PORTER.stemWord(word)
    for ending, replacement in _EXTENSIONS:
        if stem.endswith(ending):
            return stem.removesuffix(ending) + replacement
    return stem
