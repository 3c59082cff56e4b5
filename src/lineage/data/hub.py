"""Rows of data sets of the Hugging Face hub or on disk, through the `datasets` library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset


def load(
    place: Path | str, *, subset: str | None, split: str, revision: str | None, streaming: bool
) -> Dataset | IterableDataset:
    """One split of a hub data set (a name) or of a path: `save_to_disk` output, a folder of data files, or one file.

    Raises:
        UserError: no such data set, subset or split, or a torn file.
    """
    # Takes a second to import, so only here.
    from datasets import load_dataset, load_from_disk

    try:
        if isinstance(place, Path) and _is_saved(place):
            saved = load_from_disk(str(place))
            return _one_split(saved, split, place)
        if isinstance(place, Path) and place.is_file():
            form, files = _form_of(place), {split: str(place)}
            return load_dataset(form, data_files=files, split=split, streaming=streaming)
        return load_dataset(str(place), name=subset, split=split, revision=revision, streaming=streaming)
    except UserError:
        raise
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise UserError(
            f"{place}: `datasets` cannot load it (subset {subset}, split {split},"
            f" revision {revision}): {error}\n  Check the name, subset, split and revision on the data set's"
            " page, and the network; data sets that need their own code are not run."
        ) from error


def with_picture_files(data: Dataset | IterableDataset) -> Dataset | IterableDataset:
    """The data with each picture as it is stored, `{bytes, path}`, and not unpacked."""
    from datasets import Image, List

    stored = Image(decode=False)
    for name, kind in (data.features or {}).items():
        if isinstance(kind, Image):
            data = data.cast_column(name, stored)
        elif isinstance(kind, List) and isinstance(kind.feature, Image):
            data = data.cast_column(name, List(stored))
    return data


def rows(data: Iterable[Any], place: str) -> Iterator[Mapping[str, Any]]:
    """The rows; what the library raises in the midst of them gets a place.

    Raises:
        UserError: a row cannot be read.
    """
    number = 0
    remaining = iter(data)
    while True:
        try:
            row = next(remaining)
        except StopIteration:
            return
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(
                f"{place}: cannot be read after row {number}: {error}\n  Fetch the data set again."
            ) from error
        number += 1
        yield row


def _form_of(file: Path) -> str:
    """The builder of `datasets` for one data file.

    Raises:
        UserError: none for this ending.
    """
    forms = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv"}
    ending = next((ending for ending in forms if ending in file.suffixes), None)
    if ending is None:
        raise UserError(f"{file}: not a data file that `datasets` reads here.\n  endings: {listed(forms)}")
    return forms[ending]


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
