"""Readers of external data, one file each: (config, source) -> documents."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lineage.data.readers.comma_separated import read_csv
from lineage.data.readers.factbook import read_factbook
from lineage.data.readers.hub import read_datasets
from lineage.data.readers.json_lines import read_jsonl
from lineage.data.readers.parquet import read_parquet
from lineage.data.readers.text import read_text
from lineage.data.schema import Document

Reader = Callable[[Any, Path | None], Iterator[Document]]
"""Takes its own class of `lineage.config.documents` and the folder or file that the workflow found for `path`."""

READERS: dict[str, Reader] = {
    "text": read_text,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "csv": read_csv,
    "factbook": read_factbook,
    "datasets": read_datasets,
}
