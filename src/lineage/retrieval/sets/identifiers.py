"""What names a document: its title, made where there is none, cut where it is long, and unique where that is asked."""

from __future__ import annotations

import hashlib
from array import array

import numpy as np
from numpy.typing import NDArray

from lineage.config.retrieval_sets import SetReading
from lineage.errors import UserError


class Identifiers:
    """Names documents one after the other and counts what was done; 8 bytes of memory a document, more where titles
    are made unique.

    >>> names = Identifiers(WorldSet(source="world", identifiers="disambiguate"), "the world")
    >>> [names.name("d1", "Mira Soltan", "..."), names.name("d2", "Mira  Soltan", "...")]
    ['Mira Soltan', 'Mira Soltan (2)']
    """

    def __init__(self, config: SetReading, place: str):
        self._config = config
        self._place = place
        self._taken: set[int] = set()
        self._all = array("Q")
        self._made = self._cut = self._suffixed = 0

    def name(self, document: str, title: str, text: str) -> str:
        """The identifier of the next document; empty where the set names none.

        Raises:
            UserError: an empty or a long title that the config does not allow.
        """
        words = title.split() or self._without_title(document, text)
        if len(words) > self._config.max_title_words:
            words = self._cut_down(document, words)
        name = " ".join(words)
        if self._config.identifiers == "disambiguate" and name:
            name = self._unique(name)
        self._all.append(_key(name))
        return name if self._config.empty_titles != "none" else ""

    def _without_title(self, document: str, text: str) -> list[str]:
        if self._config.empty_titles == "error":
            raise UserError(
                f"{self._place}: document '{document}' has an empty title, so nothing can name it.\n"
                "  Fill it; or set `empty_titles: first_words` (the first words of its text name it), or"
                " `empty_titles: none` (no document is named: BM25 and bi-encoders only)."
            )
        self._made += 1
        words = text.split()[: self._config.title_words]
        if not words and self._config.empty_titles == "first_words":
            raise UserError(f"{self._place}: document '{document}' has neither title nor text. Take it out.")
        return words if self._config.empty_titles == "first_words" else []

    def _cut_down(self, document: str, words: list[str]) -> list[str]:
        limit = self._config.max_title_words
        if self._config.long_titles == "error":
            raise UserError(
                f"{self._place}: document '{document}' has a title of {len(words)} words, at most {limit} are allowed:"
                f" {' '.join(words)[:60]!r}.\n"
                "  Shorten it, raise `max_title_words`, or set `long_titles: cut`."
            )
        self._cut += 1
        return words[:limit]

    def _unique(self, name: str) -> str:
        number, candidate = 1, name
        while _key(candidate) in self._taken:
            number += 1
            candidate = f"{name} ({number})"
        self._suffixed += number > 1
        self._taken.add(_key(candidate))
        return candidate

    def counts(self) -> dict[str, int]:
        """What the manifest says: identifiers, those that several documents share, and what was mended."""
        if self._config.empty_titles == "none":
            return {"identifiers": 0}
        keys: NDArray[np.uint64] = np.asarray(self._all)
        _, repeats = np.unique(keys, return_counts=True)
        return {
            "identifiers": len(repeats),
            "shared identifiers": int((repeats > 1).sum()),
            "documents that share an identifier": int(repeats[repeats > 1].sum()),
            "identifiers with a suffix": self._suffixed,
            "titles made from text": self._made,
            "titles cut": self._cut,
        }


def _key(name: str) -> int:
    """64 bits that stand for a name."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
