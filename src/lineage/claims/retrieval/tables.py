"""Tables of a slice for figures and for reading: retrievers by measures, rows a token, decodings, the bottleneck."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from lineage.claims.claim import NotMeasured
from lineage.claims.retrieval.choice import arms, chosen
from lineage.claims.retrieval.study import Queries, Study
from lineage.evaluation.paired import Resampled
from lineage.evaluation.proportions import wilson

Row = dict[str, Any]

MEASURES: Mapping[str, tuple[str, str]] = {
    "Hits@1": ("hits@1", "all"),
    "Hits@10": ("hits@10", "all"),
    "R-precision": ("rprec_kilt", "all"),
    "MRR@10": ("mrr@10", "all"),
    "Hits@1, seen": ("hits@1", "seen"),
    "Hits@1, unseen": ("hits@1", "unseen"),
}
"""Columns of the table of retrievers: measure, and which documents its queries are about."""
SHARES = ("hits@1", "hits@10")
"""Measures that are shares of queries."""

ESTIMATES = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("set", "retriever", "arm", "metric")),
        pa.field("chosen", pa.bool_(), nullable=False),
        *(pa.field(name, pa.float64()) for name in ("value", "low", "high")),
        pa.field("queries", pa.int64()),
        pa.field("reason", pa.string()),
    ]
)
"""One row a set, retriever and metric; `chosen`: validation chose it for its arm; `reason`: why there is no value."""


def metrics(study: Study) -> pa.Table:
    """Every measure of every retriever that plays a part, on test queries."""
    rows: list[Row] = []
    for name, roles in study.config.roles.items():
        for arm, trials in roles.arms.items():
            best = _measured(lambda name=name, arm=arm: chosen(study, arm, set=name))
            for retriever in trials:
                head = {"set": name, "retriever": retriever, "arm": arm, "chosen": retriever == best}
                rows += [head | {"metric": title} | _of(study, name, retriever, title) for title in MEASURES]
    return pa.Table.from_pylist(rows, schema=ESTIMATES)


def _measured(find: Callable[[], str]) -> str | None:
    """The trial that validation chooses; a set without validation queries chooses none."""
    try:
        return find()
    except NotMeasured:
        return None


def _of(study: Study, set: str, retriever: str, title: str) -> Row:
    measure, documents = MEASURES[title]
    queries = Queries(set, documents=documents)
    return _estimate(lambda: study.figure(retriever, measure, of=queries), is_share=measure in SHARES)


def _estimate(measure: Callable[[], Resampled], *, is_share: bool) -> Row:
    """The interval of a share reaches at least as far as Wilson's: where all queries are alike, no resample differs."""
    try:
        figure = measure()
    except NotMeasured as reason:
        return {"value": None, "low": None, "high": None, "queries": None, "reason": reason.reason}
    low, high = figure.bounds or (figure.value, figure.value)
    if is_share:
        counted = wilson(round(figure.value * figure.items), figure.items)
        low, high = min(low, counted.low), max(high, counted.high)
    bounds = {"low": max(0.0, low), "high": min(1.0, high)}
    return {"value": figure.value, **bounds, "queries": figure.items, "reason": None}


def retrievers_by_metrics(table: pa.Table, index_bytes: Mapping[tuple[str, str], int]) -> list[Row]:
    """One row a set and retriever, each measure as `0.52 [0.44, 0.61]`, and the bytes of its index."""
    found: dict[tuple[str, str], Row] = {}
    for row in table.to_pylist():
        key = row["set"], row["retriever"]
        head = {"set": row["set"], "retriever": row["retriever"], "arm": row["arm"], "chosen": row["chosen"]}
        cells = found.setdefault(key, head)
        cells[row["metric"]] = (
            "" if row["value"] is None else f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        )
        cells["queries"] = row["queries"] if row["metric"] == "Hits@1" else cells.get("queries")
    return [{**cells, "index bytes": index_bytes.get(key)} for key, cells in found.items()]


SERIES = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("panel", "category", "series")),
        *(pa.field(name, pa.float64()) for name in ("value", "low", "high")),
    ]
)
"""What figures are drawn from: panels with a figure of each series for each category, in the order of the rows."""

_DOCUMENTS = {"all": "all queries", "seen": "seen documents", "unseen": "unseen documents"}


def retrievers(study: Study) -> pa.Table:
    """Hits@1 of every arm on every set, of the trial that validation chooses."""
    rows: list[Row] = []
    for name, roles in study.config.roles.items():
        for arm in roles.arms:
            for documents, words in _DOCUMENTS.items():
                rows += _point(
                    name,
                    arm.replace("_", " "),
                    words,
                    lambda of, arm=arm: _arm(study, arm, of),
                    Queries(name, documents=documents),
                )
    return pa.Table.from_pylist(rows, schema=SERIES)


CLUSTERS = {"clusters_1": "1", "clusters_3": "3", "contextual": "5", "clusters_30": "30", "clusters_all": "all"}


def clusters(study: Study) -> pa.Table:
    """Hits@1 by rows a token."""
    return _by_arm(study, CLUSTERS)


DECODINGS = {
    "contextual": "sum of rows",
    "max_decoding": "best row",
    "exact_decoding": "own rows",
    "paper_decoding": "paper's",
}


def decodings(study: Study) -> pa.Table:
    """Hits@1 of one checkpoint by how it is searched with."""
    return _by_arm(study, DECODINGS)


def _by_arm(study: Study, named: Mapping[str, str]) -> pa.Table:
    rows: list[Row] = []
    there = study.config.roles[study.config.set].arms
    for arm, words in named.items():
        for documents, series in _DOCUMENTS.items() if arm in there else ():
            of = Queries(study.config.set, documents=documents)
            rows += _point(study.config.set, words, series, lambda of, arm=arm: _arm(study, arm, of), of)
    return pa.Table.from_pylist(rows, schema=SERIES)


def _arm(study: Study, arm: str, of: Queries) -> Resampled:
    return arms(study, [arm], of=of)[arm]


def _point(panel: str, category: str, series: str, find: Callable[[Queries], Resampled], of: Queries) -> Iterator[Row]:
    """One figure; none where it cannot be measured."""
    found = _estimate(lambda: find(of), is_share=True)
    if found["value"] is not None:
        told = {key: found[key] for key in ("value", "low", "high")}
        yield {"panel": panel, "category": category, "series": series, **told}


LINES = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("panel", "series")),
        *(pa.field(name, pa.float64()) for name in ("x", "value", "low", "high")),
    ]
)
ARMS = {"table": "free vectors", "bi_encoder": "bi-encoder", "generative": "generative"}


def bottleneck(study: Study) -> pa.Table:
    """Recall of all pairs by width of the last inner product."""
    told = [] if study.bottleneck is None else study.bottleneck.to_dict("records")
    rows = [
        {"panel": "all pairs", "series": ARMS[row["arm"]], "x": row["dimension"], "value": row["recall"]}
        for row in told
    ]
    return pa.Table.from_pylist(rows, schema=LINES)
