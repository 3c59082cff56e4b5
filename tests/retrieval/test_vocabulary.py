"""Rows, groups and paths of a vocabulary, and its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lineage.errors import UserError
from lineage.retrieval.vocabulary import END, Vocabulary, create_table, open_table

GROUP_FIRST = np.array([0, 1, 2, 5, 6])
GROUP_TOKEN = np.array([0, 1, 40, 17], np.int32)


def small() -> Vocabulary:
    """Two documents: rows 3 5 (end) and 2 (end)."""
    return Vocabulary.of_paths(GROUP_FIRST, GROUP_TOKEN, [[3, 5], [2]])


def test_paths_end_and_know_their_groups() -> None:
    vocabulary = small()
    assert vocabulary.path(0).tolist() == [3, 5, END]
    assert vocabulary.path(1).tolist() == [2, END]
    assert vocabulary.path_group().tolist() == [2, 3, 1, 2, 1]
    assert (vocabulary.num_rows, vocabulary.num_groups, vocabulary.num_documents) == (6, 4, 2)


def test_the_ordinary_vocabulary_has_one_row_a_token() -> None:
    vocabulary = Vocabulary.ordinary(50, [[40, 17], [40]])
    assert vocabulary.path(0).tolist() == [40, 17, END]
    assert vocabulary.path_group().tolist() == vocabulary.path_row.tolist()
    assert vocabulary.num_rows == vocabulary.num_groups == 50


def test_what_is_saved_is_opened(tmp_path: Path) -> None:
    vocabulary = small()
    vocabulary.save(tmp_path)
    create_table(tmp_path, vocabulary.num_rows, 4)[2] = 7
    opened = Vocabulary.open(tmp_path)
    for name in ("group_first", "group_token", "path_first", "path_row"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(vocabulary, name))
    assert open_table(tmp_path, opened)[2].tolist() == [7, 7, 7, 7]


def test_a_table_of_another_size_is_refused(tmp_path: Path) -> None:
    vocabulary = small()
    create_table(tmp_path, vocabulary.num_rows + 1, 4)
    with pytest.raises(UserError, match=r"shape \(7, 4\), but the vocabulary has 6 rows"):
        open_table(tmp_path, vocabulary)


def test_a_folder_without_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"group_first\.npy: cannot be read"):
        Vocabulary.open(tmp_path)


@pytest.mark.parametrize(
    ("group_first", "group_token"),
    [
        (np.array([0, 1, 2, 2, 6]), GROUP_TOKEN),
        (np.array([0, 2, 3, 5, 6]), GROUP_TOKEN),
        (GROUP_FIRST, GROUP_TOKEN[:3]),
        (GROUP_FIRST + 1, GROUP_TOKEN),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(group_first: np.ndarray, group_token: np.ndarray) -> None:
    with pytest.raises(UserError, match="do not belong together"):
        Vocabulary.of_paths(group_first, group_token, [[2]])
