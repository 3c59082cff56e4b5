"""Measures of a run, query by query: those of trec_eval through `ir-measures`, and KILT's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import ir_measures
from ir_measures import AP, RR, P, R, Rprec, Success, nDCG

from lineage.retrieval import kilt
from lineage.retrieval.runs import Run

Qrels = Mapping[str, Mapping[str, int]]
"""Query to the grades of its documents."""

TREC = {
    "hits@1": Success @ 1,
    "hits@10": Success @ 10,
    "mrr@10": RR @ 10,
    "mrr@100": RR @ 100,
    "recall@10": R @ 10,
    "recall@100": R @ 100,
    "ndcg@10": nDCG @ 10,
    "p@30": P @ 30,
    "rprec": Rprec,
    "map": AP @ 1000,
}
"""Name to measure; relevant is a grade above 0. `rprec` pools all relevant documents of a query."""

KILT: dict[str, Callable[[kilt.Evidence, Sequence[str]], float]] = {
    "rprec_kilt": kilt.r_precision,
    "recall_kilt@5": lambda evidence, found: kilt.recall(evidence, found, 5),
}
"""Name to measure of the evidence sets of a query."""

NAMES = (*TREC, *KILT)


def per_query(
    run: Run, qrels: Qrels, evidence: Mapping[str, kilt.Evidence], queries: Collection[str]
) -> dict[str, dict[str, float | None]]:
    """Query to measure to value, for each of `queries`, those for which nothing was found (0) included.

    Measures of trec_eval are undefined (None) for a query without a relevant document; KILT's are 0.
    """
    judged = {query: dict(grades) for query in queries if _is_judged(grades := qrels.get(query, {}))}
    found = {query: run.get(query, {}) for query in queries}
    values: dict[str, dict[str, float | None]] = {
        query: dict.fromkeys(TREC, 0.0 if query in judged else None) for query in queries
    }
    names = {measure: name for name, measure in TREC.items()}
    ranked = {query: ranking for query, ranking in found.items() if query in judged and ranking}
    for metric in ir_measures.iter_calc(list(TREC.values()), judged, ranked):
        values[metric.query_id][names[metric.measure]] = metric.value
    for query in queries:
        documents = list(found[query])
        values[query] |= {name: measure(evidence.get(query, ()), documents) for name, measure in KILT.items()}
    return values


def _is_judged(grades: Mapping[str, int]) -> bool:
    return any(grade > 0 for grade in grades.values())
