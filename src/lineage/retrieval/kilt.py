"""KILT's measures of retrieval, which score evidence sets instead of single pages (arXiv 2009.02252).

An evidence set is a set of pages that answer a question only together. Pages that a retriever names twice count once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

Evidence = Sequence[Collection[str]]
"""Evidence sets of one question: pages, none empty, no two equal."""


def r_precision(evidence: Evidence, found: Sequence[str]) -> float:
    """Share of an evidence set of R pages among the first R pages found, for the set where it is largest.

    0 for a question without evidence. With one set of one page this is a hit at rank 1.

    >>> r_precision([{"a", "b"}, {"c"}], ["a", "x", "c"])
    0.5
    """
    pages = list(dict.fromkeys(found))
    return max((len(set(one).intersection(pages[: len(one)])) / len(one) for one in evidence), default=0.0)


def slots(evidence: Evidence, found: Sequence[str]) -> list[bool]:
    """The ranking with each evidence set as one slot, true where its last page completes it.

    Pages of a set that is not yet complete hold one slot between them, which moves down with the latest; a page in two
    sets fills a slot for each; any other page is a slot of its own.

    >>> slots([{"a", "b"}], ["a", "x", "b", "y"])
    [False, True, False]
    """
    missing = [set(one) for one in evidence]
    ranking: list[bool | int] = []
    for page in dict.fromkeys(found):
        holders = [number for number, pages in enumerate(missing) if page in pages]
        for number in holders:
            missing[number].discard(page)
            ranking = [slot for slot in ranking if slot is True or slot is False or slot != number]
            ranking.append(number if missing[number] else True)
        if not holders:
            ranking.append(False)
    return [slot is True for slot in ranking]


def recall(evidence: Evidence, found: Sequence[str], k: int) -> float:
    """Complete evidence sets in the first k slots, of all; 0 for a question without evidence."""
    return sum(slots(evidence, found)[:k]) / len(evidence) if evidence else 0.0


def precision(evidence: Evidence, found: Sequence[str], k: int) -> float:
    """Complete evidence sets in the first k slots, of k."""
    return sum(slots(evidence, found)[:k]) / k


def success(evidence: Evidence, found: Sequence[str], k: int) -> float:
    """1 if an evidence set is complete in the first k slots."""
    return float(any(slots(evidence, found)[:k]))
