"""A retrieval study whose figures are known: retrievers that find as many documents as they are told to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lineage.claims.retrieval.study import Study
from lineage.config.retrieval_study import RetrievalStudy, Training

DIGEST = "0123456789abcdef"
QUERIES = 200
"""Of each of seen and unseen documents, test and validation; two share a document."""
MARGINAL, PAPER = '{"mode":"marginal"}', '{"mode":"all"}'


@dataclass(frozen=True)
class Made:
    """Shares of queries whose document a retriever finds first."""

    seen: float
    unseen: float
    validation: float | None = None
    """Of both; None: their mean."""


RETRIEVERS: dict[str, Made] = {
    "contextual": Made(0.8, 0.4),
    "ordinary": Made(0.5, 0.1),
    "plain": Made(0.45, 0.05),
    "alone": Made(0.6, 0.2),
    "both": Made(0.75, 0.35),
    "shuffled": Made(0.5, 0.2),
    "random": Made(0.5, 0.2),
    "one": Made(0.5, 0.1),
    "three": Made(0.7, 0.3),
    "thirty": Made(0.8, 0.4),
    "every": Made(0.8, 0.4),
    "frozen": Made(0.6, 0.5),
    "renewed": Made(0.85, 0.45),
    "contrastive": Made(0.9, 0.5),
    "paper": Made(0.7, 0.3),
    "best_row": Made(0.7, 0.3),
    "own_rows": Made(0.7, 0.3),
    "one_paper": Made(0.5, 0.1),
    "dense": Made(0.6, 0.3),
    "bm25": Made(0.5, 0.5),
    "table": Made(0.2, 0.2),
}
ROLES: dict[str, list[str]] = {
    "contextual": ["contextual"],
    "ordinary": ["ordinary"],
    "contextual_documents": ["both"],
    "ordinary_queries": ["plain"],
    "without_context": ["alone"],
    "shuffled": ["shuffled"],
    "random_rows": ["random"],
    "frozen": ["frozen"],
    "clusters_1": ["one"],
    "clusters_3": ["three"],
    "clusters_30": ["thirty"],
    "clusters_all": ["every"],
    "refreshed": ["renewed"],
    "contrastive": ["contrastive"],
    "paper_decoding": ["paper"],
    "max_decoding": ["best_row"],
    "exact_decoding": ["own_rows"],
    "clusters_1_paper_decoding": ["one_paper"],
    "bi_encoder": ["dense"],
    "bm25": ["bm25"],
    "nearest": ["table"],
}
TITLES_ALONE = ("plain", "alone")
UNTRAINED = ("bm25",)
RECALL = {"table": (0.6, 1.0), "bi_encoder": (0.4, 0.9), "generative": (0.95, 1.0)}
"""Recall at the smallest and the largest width."""


def training(retrievers: Mapping[str, Made], **changes: Mapping[str, Any]) -> dict[str, Training]:
    """Equal for all; `changes` by retriever."""
    found = {}
    for name in retrievers:
        if name not in UNTRAINED:
            decodes = None if name in ("dense", "table") else PAPER if "paper" in name else MARGINAL
            text = "titles" if name in TITLES_ALONE else "documents"
            fields = {"steps": 500, "pairs": 32000, "text": text, "decoding": decodes}
            found[name] = Training.model_validate(fields | dict(changes.get(name, {})))
    return found


def queries(retrievers: Mapping[str, Made]) -> pd.DataFrame:
    """A row a retriever and query; the first queries of a group are those that are found, so arms are nested."""
    rows = []
    for name, made in retrievers.items():
        validation = (made.seen + made.unseen) / 2 if made.validation is None else made.validation
        shares = {
            ("test", True): made.seen,
            ("test", False): made.unseen,
            ("validation", True): validation,
            ("validation", False): validation,
        }
        for (split, seen), share in shares.items():
            for number in range(QUERIES):
                hit = float(number < round(share * QUERIES))
                query = f"{split}-{seen}-{number:03d}"
                head = {"retriever": name, "query": query, "split": split, "kind": "described", "seen": seen}
                measures = dict.fromkeys(("hits@1", "rprec_kilt", "mrr@10"), hit)
                cluster = f"{split}-{seen}-{number // 2}"
                rows.append(head | {"cluster": cluster, "hits@10": hit} | measures)
    return pd.DataFrame(rows)


def bottleneck(recall: Mapping[str, tuple[float, float]] = RECALL) -> pd.DataFrame:
    """Two widths of each arm."""
    return pd.DataFrame(
        {"arm": arm, "dimension": width, "recall": value}
        for arm, values in recall.items()
        for width, value in zip((4, 128), values, strict=True)
    )


def study(
    made: Mapping[str, Made] = RETRIEVERS,
    *,
    roles: Mapping[str, list[str]] = ROLES,
    sets: Mapping[str, Mapping[str, Made]] | None = None,
    trained: Mapping[str, Mapping[str, Any]] | None = None,
    recall: Mapping[str, tuple[float, float]] = RECALL,
) -> Study:
    """The study; `made` joins what is there, `sets` are further ones, `trained` changes training."""
    retrievers = {**RETRIEVERS, **made}
    config = RetrievalStudy.model_validate(
        {
            "set": "world",
            "kind": "described",
            "roles": {"world": dict(roles), **{name: rivals(named) for name, named in (sets or {}).items()}},
            "training": training(
                {**retrievers, **{one: made for named in (sets or {}).values() for one, made in named.items()}},
                **(trained or {}),
            ),
            "design": "study",
            "design_digest": DIGEST,
        }
    )
    tables = {"world": queries(retrievers), **{name: queries(named) for name, named in (sets or {}).items()}}
    return Study(config, tables, bottleneck(recall), bootstrap_samples=300)


def rivals(named: Mapping[str, Made]) -> dict[str, list[str]]:
    """Parts of R2, by the beginning of the retrievers' names."""
    return {arm: [name for name in named if name.startswith(start)] for arm, start in STARTS.items()}


STARTS = {"contextual": "contextual", "bi_encoder": "dense", "bm25": "bm25"}
