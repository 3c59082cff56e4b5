"""Sources of retrieval sets, one file each: (config, inputs) -> documents, queries, judgements."""

from collections.abc import Callable
from typing import Any

from lineage.retrieval.sets.beir import read_beir
from lineage.retrieval.sets.cacm import read_cacm
from lineage.retrieval.sets.genret import read_genret
from lineage.retrieval.sets.hub import read_hub
from lineage.retrieval.sets.kilt import read_kilt
from lineage.retrieval.sets.nq320k import read_nq320k
from lineage.retrieval.sets.nq_open import read_nq_open
from lineage.retrieval.sets.raw import Inputs, RawSet
from lineage.retrieval.sets.squad import read_squad
from lineage.retrieval.sets.world import read_world

SetReader = Callable[[Any, Inputs], RawSet]
"""Takes its own class of `lineage.config.retrieval_sets`, and what the workflow found for its inputs."""

SET_READERS: dict[str, SetReader] = {
    "world": read_world,
    "beir": read_beir,
    "cacm": read_cacm,
    "squad": read_squad,
    "nq320k": read_nq320k,
    "genret": read_genret,
    "kilt": read_kilt,
    "nq_open": read_nq_open,
    "hub": read_hub,
}
