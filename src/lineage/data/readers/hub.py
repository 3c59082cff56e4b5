"""Data sets of the Hugging Face hub or on disk, through the `datasets` library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.config.documents import DatasetsDocuments
from lineage.config.messages import did_you_mean, listed
from lineage.data.readers.rows import check_columns, checked_text, row_documents
from lineage.data.readers.wikitext import articles
from lineage.data.schema import Document
from lineage.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset


def read_datasets(config: DatasetsDocuments, source: Path | None) -> Iterator[Document]:
    """Documents of a hub data set (`name`, `revision`) or of a folder (`path`): `save_to_disk` output or data files.

    Raises:
        UserError: no such data set, subset or split, a torn file, no such column, or a bad row.
    """
    if (config.name is None) == (source is None):
        raise UserError("the `datasets` reader needs either `name` (a hub id) or `path` (a folder)")
    place = f"{source or config.name} ({config.split})"
    data = _load(config, source)
    if data.column_names is not None:
        check_columns(config.columns, data.column_names, place)
    label = config.label or (source.name if source is not None else config.name)
    name = f"{label}/{config.split}"
    rows = _rows(data, place)
    if config.rows == "wikitext":
        lines = _column(rows, config.columns.text, place)
        for number, title, text in articles(lines, unescape=config.unescape, place=place):
            yield Document(f"{config.id_prefix}{name}:{number}", title, text, name)
        return
    yield from row_documents(
        rows,
        columns=config.columns,
        empty_rows=config.empty_rows,
        id_prefix=config.id_prefix,
        source=name,
        place=place,
    )


def _load(config: DatasetsDocuments, source: Path | None) -> Dataset | IterableDataset:
    # Takes a second to import, so only here.
    from datasets import load_dataset, load_from_disk

    try:
        if source is not None and _is_saved(source):
            saved = load_from_disk(str(source))
            return _one_split(saved, config.split, source)
        return load_dataset(
            str(source or config.name),
            name=config.subset,
            split=config.split,
            revision=config.revision,
            streaming=config.streaming,
        )
    except UserError:
        raise
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise UserError(
            f"{source or config.name}: `datasets` cannot load it (subset {config.subset}, split {config.split},"
            f" revision {config.revision}): {error}\n  Check the name, subset, split and revision on the data set's"
            " page, and the network; data sets that need their own code are not run."
        ) from error


def _is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote it."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def _one_split(saved: Any, split: str, folder: Path) -> Dataset:
    from datasets import Dataset

    if isinstance(saved, Dataset):
        return saved
    if split not in saved:
        raise UserError(
            f"{folder}: no split '{split}'.{did_you_mean(split, saved)}\n  splits found: {listed(saved)}; set `split`."
        )
    return saved[split]


def _rows(data: Iterable[Any], place: str) -> Iterator[Mapping[str, Any]]:
    """The rows; what the library raises in the midst of them gets a place."""
    number = 0
    rows = iter(data)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(
                f"{place}: cannot be read after row {number}: {error}\n  Fetch the data set again."
            ) from error
        number += 1
        yield row


def _column(rows: Iterable[Mapping[str, Any]], column: str, place: str) -> Iterator[str]:
    for number, row in enumerate(rows, 1):
        value = row.get(column)
        if not isinstance(value, str):
            raise UserError(f"{place}: row {number}: column '{column}' is {value!r:.60}, but a line must be a string.")
        yield checked_text(value, f"{place}: row {number}")
