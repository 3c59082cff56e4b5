"""The output vocabulary of a generative retriever: rows of a table, grouped by the token that they stand for.

Row r is row r of the decoder's table, and one of the rows of exactly one group; the rows of a group are contiguous.
Group and row 0 are padding and the start of decoding, group and row 1 the end of an identifier. Each document has its
own path: the rows of its identifier's tokens, and row 1. With one row a token this is the ordinary vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from lineage.errors import UserError

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

PAD, END = 0, 1
"""Rows, groups and, in every T5, tokens."""
TABLE = "table.npy"
ARRAYS = ("group_first", "group_token", "path_first", "path_row")


@dataclass(frozen=True)
class Vocabulary:
    """Which rows stand for which token, and which rows name which document.

    Raises:
        UserError: arrays that do not belong together.
    """

    group_first: Ints
    """[group + 1] int64: group g has rows `group_first[g]` to `group_first[g + 1]` - 1."""
    group_token: Ints
    """[group] int32: token of the model's tokenizer that the group stands for."""
    path_first: Ints
    """[document + 1] int64: document i's path is `path_row[path_first[i]:path_first[i + 1]]`."""
    path_row: Ints
    """[step of all paths] int32: rows; the last of each path is `END`. Row i of the documents is document i."""

    def __post_init__(self) -> None:
        sizes = np.diff(self.group_first)
        whole = len(sizes) == len(self.group_token) >= 2 and self.group_first[0] == 0 and bool(sizes.min() >= 1)
        ended = self.path_first[0] == 0 and self.path_first[-1] == len(self.path_row)
        special = bool((self.group_first[:3] == (0, 1, 2)).all())
        if not (whole and ended and special):
            raise UserError(
                f"a vocabulary of {len(self.group_token)} groups, {len(self.group_first)} bounds and"
                f" {len(self.path_row)} path steps: its arrays do not belong together. Build it again."
            )

    @classmethod
    def of_paths(cls, group_first: Ints, group_token: Ints, paths: Sequence[Sequence[int]]) -> Vocabulary:
        """From the rows of each document's identifier, without their end."""
        lengths = np.array([len(path) + 1 for path in paths], np.int64)
        rows = np.array([row for path in paths for row in (*path, END)], np.int32)
        return cls(group_first, group_token, np.concatenate([[0], np.cumsum(lengths)]), rows)

    @classmethod
    def ordinary(cls, num_tokens: int, titles: Sequence[Sequence[int]]) -> Vocabulary:
        """One row a token of the tokenizer: row, group and token have the same number."""
        return cls.of_paths(np.arange(num_tokens + 1), np.arange(num_tokens, dtype=np.int32), titles)

    @property
    def num_rows(self) -> int:
        """V': rows of the table."""
        return int(self.group_first[-1])

    @property
    def num_groups(self) -> int:
        """Distinct tokens, padding and end included."""
        return len(self.group_token)

    @property
    def num_documents(self) -> int:
        """Documents, each with one path."""
        return len(self.path_first) - 1

    def group_of_row(self) -> Ints:
        """[row] int32: the group of each row."""
        return np.repeat(np.arange(self.num_groups, dtype=np.int32), np.diff(self.group_first))

    def path(self, document: int) -> Ints:
        """[step] rows that name a document, `END` last."""
        return self.path_row[self.path_first[document] : self.path_first[document + 1]]

    def path_group(self) -> Ints:
        """[step of all paths] int32: `path_row` as groups, with the same bounds `path_first`."""
        return self.group_of_row()[self.path_row]

    def save(self, folder: Path) -> None:
        """Writes one `.npy` file an array."""
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def open(cls, folder: Path) -> Vocabulary:
        """Reads what `save` wrote; paths stay on the disk (memory-mapped).

        Raises:
            UserError: no vocabulary, or files that do not belong together.
        """
        return cls(
            group_first=_array(folder / "group_first.npy"),
            group_token=_array(folder / "group_token.npy"),
            path_first=_array(folder / "path_first.npy", mapped=True),
            path_row=_array(folder / "path_row.npy", mapped=True),
        )


def create_table(folder: Path, num_rows: int, width: int) -> Floats:
    """[row, width] float32, zeros on the disk, to be written in place."""
    return open_memmap(folder / TABLE, mode="w+", dtype=np.float32, shape=(num_rows, width))


def open_table(folder: Path, vocabulary: Vocabulary) -> Floats:
    """[row, width] float32, memory-mapped: the contextual vectors that the rows began as.

    Raises:
        UserError: none there, or one of another number of rows.
    """
    table = _array(folder / TABLE, mapped=True)
    if table.ndim != 2 or len(table) != vocabulary.num_rows:
        raise UserError(
            f"{folder / TABLE}: has shape {table.shape}, but the vocabulary has {vocabulary.num_rows} rows.\n"
            "  Build the vocabulary again."
        )
    return table


def _array(path: Path, *, mapped: bool = False) -> Any:
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}).\n  Build the vocabulary again.") from error
