"""Licences and gates of well-known sets, told once when they are read. They are notes: the set's own page decides."""

from __future__ import annotations

import logging
from pathlib import Path

from lineage.artifact import ArtifactWriter
from lineage.config.conversations import ConversationReading, Hub, PreferenceReading

_PKU = "CC BY-NC 4.0: not for commercial use. Harmful text; for research on safety."
_SPA_VL = "CC BY 4.0. Harmful text and pictures; for research on safety."
_VLGUARD = (
    "its repository names no licence; its pictures come from several sources and are behind a gate (you agree to terms"
    " on its page). Harmful text and pictures."
)
_LLAVA = (
    "LLaVA-Instruct is CC BY 4.0, written by GPT-4 (OpenAI's terms); LLaVA-Pretrain follows CC-3M, LAION and BLIP. The"
    " pictures belong to others and are fetched apart."
)
_HH = "MIT. Offensive text; its authors advise against supervised tuning on it."

OF_SOURCE = {"llava": _LLAVA, "vlguard": _VLGUARD, "hh": _HH, "pku_saferlhf": _PKU, "spa_vl": _SPA_VL}
"""`source` of a config -> what to say."""
OF_HUB = {
    "liuhaotian/llava-instruct-150k": _LLAVA,
    "liuhaotian/llava-pretrain": _LLAVA,
    "ys-zong/vlguard": _VLGUARD,
    "anthropic/hh-rlhf": _HH,
    "pku-alignment/pku-saferlhf": _PKU,
    "sqrti/spa-vl": _SPA_VL,
    "allenai/wildguardmix": "ODC-BY, behind a gate. Harmful text.",
    "sorry-bench/sorry-bench-202406": "a licence of its own, behind a gate. Harmful text; for evaluation only.",
}
"""Hub id in small letters -> what to say."""


def announce(config: ConversationReading | PreferenceReading, source: Path | None, out: ArtifactWriter) -> str:
    """Says once, and keeps in `run.json`, what is known of the licence of what is read; returns the set's place."""
    named = config.name if isinstance(config, Hub) else None
    place = str(source or named or config.source)
    if config.source == "world":
        licence = "generated here, under the licence of this project"
    elif config.source == "datasets" and named is not None:
        licence = OF_HUB.get(named.lower(), f"see https://huggingface.co/datasets/{named}")
    else:
        licence = OF_SOURCE.get(config.source, "your own data: nothing is known here")
    out.run["licence"] = licence
    logging.getLogger(__name__).info("%s: %s", place, licence)
    return place
