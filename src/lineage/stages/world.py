"""Write the generated world: its documents, and the tables that say what they teach and how often."""

from lineage.artifact import ArtifactWriter
from lineage.config.world import World
from lineage.world.generate import counts, generate
from lineage.world.tables import SCHEMAS, write_table


def world(config: World, *, out: ArtifactWriter) -> None:
    """Generate the world of `config`; files and columns are those of docs/world.md."""
    made = generate(config)
    out.kind = "world"
    for name, schema in SCHEMAS.items():
        write_table(getattr(made, name), schema, out.path(f"{name}.parquet"))
    out.path("words.txt").write_text("".join(f"{word}\n" for word in made.words), encoding="ascii")
    out.counts.update(counts(made))
