"""What to look for in each figure of the studies, and which figure shows which claim.

Captions say where to look, never what is found: that stands in the ledger, which is computed.
"""

from __future__ import annotations

CAPTIONS: dict[str, dict[str, str]] = {
    "knowledge": {
        "trajectories": "Look for a jump right after each encounter (dotted lines), a fall after it, and whether"
        " facts that were never injected stay flat.",
        "trajectories_with_spill_over": "Compare the raw change with the change over the twin: what both share is"
        " drift of the run and spill-over, not the fact.",
        "effectivity": "Compare depths: do bars fall from memorization to compositional? Compare estimators: which"
        " finds a gain in facts that were never injected?",
        "effectivity_by_encounter": "Look whether later encounters add less than the first.",
        "retainability": "Look how straight the lines are over the logarithm of time, and which arm falls faster.",
        "threshold": "Look where the gain that is left falls to that of one encounter: beyond it nothing accumulates.",
        "long_tail": "Look where recall leaves chance, and whether the forecast, made before, runs along the curve.",
        "forecasts": "Points on the diagonal were foretold. Compare their distance with that of the naive forecasts.",
        "effectivity_by": "Compare the bars from left to right; intervals that overlap tell nothing.",
        "retainability_by": "Compare how fast the lines fall at the same number of tokens.",
    },
    "safety": {
        "trade_off": "Up and to the right is better; large dots are better in the third axis. Look whether merges lie"
        " on the front or inside of it.",
        "trajectory": "Look how early attack success rises, and whether over-refusal falls with it.",
        "forgetting": "Compare refusals with facts in the same panel: which fall first, and do both flatten?",
        "refusal_by_exposure": "Further right, pretraining stated the hazard more often. Look whether refusal rises"
        " with the knowledge of the hazard, and what adaptation takes away.",
        "merge_sweep": "Look for a weight at which V is above both ends; without one, merging did not help.",
    },
    "retrieval": {
        "retrievers": "Compare seen with unseen documents in each row: what a retriever learnt by heart is the distance"
        " between them. Look which of contextual, ordinary, bi-encoder and BM25 lies furthest right on each set.",
        "clusters": "Look whether points move to the right from one row a token to five, and whether they stay there.",
        "decodings": "The same checkpoint in every row: look whether the sum of rows and the paper's way differ.",
        "bottleneck": "Look how low the bi-encoder starts at the smallest width, whether free vectors do better there,"
        " and whether the decoder needs the width at all.",
    },
    "reading": {
        "recall_by_exposure": "Look where closed-book answers rise above those behind retrieved passages, and whether"
        " the dashed lines meet there. As far as swapped passages lie below right ones, the reader recalls instead.",
    },
    "layer_figures": {
        "angles_by_module": "Angles near 90 degrees mean that two tasks changed weights independently of each other.",
        "loss_along_vectors": "Look whether the loss of one task rises along the vector of another.",
        "curves_by_layer": "Look where the curve leaves the band of permuted labels: there requests are told apart.",
        "drift_by_layer": "Look in which layers descendants have moved furthest from their base.",
        "scaled_layers": "Look which window of layers changes refusals most when it is scaled.",
        "restored_layers": "Look which window brings refusals back when it is restored.",
    },
}
"""Analysis -> figure, or how its name begins or ends -> what to see."""

CLAIM_FIGURES = {
    "K1": "knowledge/effectivity",
    "K2": "knowledge/effectivity",
    "K3a": "knowledge/effectivity_by_stage",
    "K3b": "knowledge/retainability_by_stage",
    "K3c": "knowledge/effectivity_by_size",
    "K4": "knowledge/retainability",
    "K5": "knowledge/retainability",
    "K6": "knowledge/retainability_by_batch_fixed_dose",
    "K7": "knowledge/threshold",
    "K8": "knowledge/long_tail",
    "K9": "knowledge/forecasts",
    "S1": "safety/trade_off",
    "S2": "safety/trajectory",
    "S3a": "safety/trade_off",
    "S3b": "safety/trade_off",
    "S3c": "safety/trade_off",
    "S4": "layer_figures/angles_by_module",
    "S5": "layer_figures/drift_by_layer",
    "S6": "safety/merge_sweep",
    "S7": "safety/trajectory",
    "R1": "retrieval/retrievers",
    "R2": "retrieval/retrievers",
    "R3": "retrieval/clusters",
    "R4": "retrieval/retrievers",
    "R5": "retrieval/retrievers",
    "R6": "retrieval/decodings",
    "R7": "retrieval/retrievers",
    "R8": "retrieval/bottleneck",
    "X1": "safety/refusal_by_exposure",
    "X2": "safety/forgetting",
    "X3": "reading/recall_by_exposure",
    "X4": "safety/merge_sweep",
    "X5": "safety/refusal_by_exposure",
}
"""Claim -> figure, by how its name begins or ends; where an experiment lacks the figure, there is no link."""


def caption(analysis: str, name: str) -> str:
    """What to see in a figure; empty for one without a caption.

    >>> caption("layer_figures", "default_scaled_layers")
    'Look which window of layers changes refusals most when it is scaled.'
    """
    known = CAPTIONS.get(analysis, {})
    found = [key for key in known if name == key or name.startswith(f"{key}_") or name.endswith(f"_{key}")]
    return known[max(found, key=len)] if found else ""


def figure_of(claim: str, names: list[str]) -> str:
    """The figure (`analysis/name`) that shows a claim; empty where there is none."""
    analysis, _, name = CLAIM_FIGURES.get(claim, "").partition("/")
    fitting = [
        one
        for one in names
        if one == f"{analysis}/{name}" or (one.startswith(f"{analysis}/") and one.endswith(f"_{name}"))
    ]
    return fitting[0] if name and fitting else ""
