"""Configs of the data stages up to a corpus: what is read from outside, and how it becomes one collection."""

from typing import Annotated, Literal

from pydantic import Field, RootModel, model_validator

from lineage.config.base import Frozen


class Columns(Frozen):
    """Which column (or JSON key) of the user's rows holds which part of a document."""

    text: str = "text"
    """Column of the text; every row must have it, as a non-empty string."""
    title: str | None = None
    """Column of the title; no titles when null."""
    id: str | None = None
    """Column of the id (string or integer, unique); `<source>:<row>` when null."""


class Reading(Frozen):
    """What every reader of external data has."""

    path: str | None = None
    """File or folder, relative to `data_root`; the workflow hands it to the stage, and it is no part of the spec."""
    label: str | None = None
    """First part of every document's `source` (`<label>/<file>`); the file's name alone when null."""
    id_prefix: str = ""
    """Put before every id, so that two collections that number their rows do not clash."""
    limit: int | None = Field(default=None, ge=1)
    """Read at most so many documents."""


class FolderReading(Reading):
    """What every reader of files has."""

    pattern: str = "**/*"
    """Which files of a folder are read, in order of their names; unused when `path` is a single file."""


class TextDocuments(FolderReading):
    """Plain UTF-8 text."""

    reader: Literal["text"]
    """Plain UTF-8 text files."""
    pattern: str = "**/*.txt"
    """Which files of a folder are read, in order of their names; unused when `path` is a single file."""
    split: Literal["file", "line", "blank_line", "wikitext"] = "file"
    """What one document is: a file, a line, a block between blank lines, or an article under ` = Title = `."""
    unescape: bool = True
    """With `split: wikitext`, undo the escapes ` @-@ `, ` @,@ ` and ` @.@ `."""


class RowReading(FolderReading):
    """What every reader of rows has."""

    columns: Columns = Columns()
    """Which column holds what."""
    empty_rows: Literal["error", "drop"] = "error"
    """What to do with a row whose text is empty; a null or a number is an error in any case."""


class JsonLinesDocuments(RowReading):
    """One JSON object a line."""

    reader: Literal["jsonl"]
    """One JSON object a line."""
    pattern: str = "**/*.jsonl"
    """Which files of a folder are read, in order of their names; unused when `path` is a single file."""


class ParquetDocuments(RowReading):
    """Parquet tables."""

    reader: Literal["parquet"]
    """Parquet files."""
    pattern: str = "**/*.parquet"
    """Which files of a folder are read, in order of their names; unused when `path` is a single file."""


class CsvDocuments(RowReading):
    """Comma-separated tables with a header row."""

    reader: Literal["csv"]
    """CSV files with a header row."""
    pattern: str = "**/*.csv"
    """Which files of a folder are read, in order of their names; unused when `path` is a single file."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """Character between two fields; quotes are `"`, doubled inside a field."""


class FactbookDocuments(FolderReading):
    """Country profiles of the World Factbook as nested JSON."""

    reader: Literal["factbook"]
    """Folder of World Factbook profiles, `region/xx.json`."""
    pattern: str = "*/??.json"
    """Which files of the folder are profiles."""
    document: Literal["profile", "section"] = "section"
    """What one document is: a whole profile or one of its sections."""


class DatasetsDocuments(Reading):
    """A data set of the Hugging Face hub, or one on disk in any form that `datasets` loads."""

    reader: Literal["datasets"]
    """Through the `datasets` library: a hub data set by `name`, or a folder by `path`."""
    name: str | None = None
    """Hub id, such as `Salesforce/wikitext`; null when `path` names a folder."""
    subset: str | None = None
    """Configuration of the data set, such as `wikitext-2-raw-v1`."""
    split: str = "train"
    """Split, such as `train` or `validation`."""
    revision: str | None = None
    """Commit hash (or tag) of a hub data set; required with `name`, so that the same config reads the same data."""
    streaming: bool = True
    """Read row by row without copying the data set into the cache folder first."""
    columns: Columns = Columns()
    """Which column holds what."""
    empty_rows: Literal["error", "drop"] = "error"
    """What to do with a row whose text is empty; a null or a number is an error in any case."""
    rows: Literal["documents", "wikitext"] = "documents"
    """What a row is: a document, or one line of WikiText whose articles start at ` = Title = ` headings."""
    unescape: bool = True
    """With `rows: wikitext`, undo the escapes ` @-@ `, ` @,@ ` and ` @.@ `."""

    @model_validator(mode="after")
    def _one_place(self) -> "DatasetsDocuments":
        if self.name is not None and self.path is not None:
            raise ValueError(f"name is '{self.name}' and path is '{self.path}': give one of them (hub id or folder)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        return self


DocumentReading = Annotated[
    TextDocuments | JsonLinesDocuments | ParquetDocuments | CsvDocuments | FactbookDocuments | DatasetsDocuments,
    Field(discriminator="reader"),
]


class Documents(RootModel[DocumentReading]):
    """One collection of external documents; `reader` says of which form."""
