"""Write the facts that runs inject during pretraining, with their probes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.facts import Facts, WorldFacts
from lineage.data.facts import DEPTHS, Fact, write_facts
from lineage.data.fictional_knowledge import fictional_knowledge
from lineage.errors import UserError
from lineage.world.passages import world_facts
from lineage.world.tables import Entity
from lineage.world.tables import Fact as WorldFact


def facts(config: Facts, *, world: Artifact | None, source: Path | None, out: ArtifactWriter) -> None:
    """Writes `facts.parquet`: every fact once, in the order of its source.

    Raises:
        UserError: no world or file to take facts from, or facts that cannot be injected or asked.
    """
    out.kind = "facts"
    reading = config.root
    if not isinstance(reading, WorldFacts):
        found = fictional_knowledge(reading, source)
    elif world is None:
        raise UserError("facts of `source: world` need the generated world: set `world:`, or choose another source")
    else:
        found = world_facts(reading, *_tables(world))
    write_facts(out.path("facts.parquet"), found)
    out.counts |= _counts(found)


def _tables(world: Artifact) -> tuple[list[Entity], list[WorldFact]]:
    entities = [Entity(**row) for row in pq.read_table(world.path("entities.parquet")).to_pylist()]
    return entities, [WorldFact(**row) for row in pq.read_table(world.path("facts.parquet")).to_pylist()]


def _counts(facts: Sequence[Fact]) -> dict[str, int]:
    probes = [probe for fact in facts for probe in fact.probes]
    flags = Counter(flag for probe in probes for flag in probe.flags)
    return {
        "facts": len(facts),
        "facts with paraphrases": sum(len(fact.paraphrases) > 0 for fact in facts),
        "paraphrases": sum(len(fact.paraphrases) for fact in facts),
        "probes": len(probes),
        **{f"probes {depth}": sum(probe.depth == depth for probe in probes) for depth in DEPTHS},
        **{f"flag {flag}": flags[flag] for flag in sorted(flags)},
    }
