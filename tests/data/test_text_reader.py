"""How plain text becomes documents."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.config.documents import TextDocuments
from lineage.data.readers.text import read_text
from lineage.errors import UserError
from tests.data.building import read

WIKITEXT = (
    " \n = Red Kite = \n \n The kite spans 1 @.@ 8 m , a well @-@ known bird of 1 @,@ 000 pairs @.@ \n"
    " \n = = Diet = = \n \n It eats mice . \n \n = 2 @-@ step = \n \n A dance . \n"
)


def split(path: Path, content: str, **config: str | bool) -> list[tuple[str, str, str]]:
    path.write_text(content, newline="")
    found = read_text(TextDocuments.model_validate({"reader": "text", **config}), path)
    return [(document.id, document.title, document.text) for document in found]


def test_blocks_between_blank_lines(tmp_path: Path) -> None:
    found = split(tmp_path / "a.txt", "\none\r\ntwo\r\n \r\n\r\nthree", split="blank_line")
    assert found == [("a.txt:2", "", "one\r\ntwo"), ("a.txt:6", "", "three")]


def test_wikitext_articles(tmp_path: Path) -> None:
    kite = "= Red Kite =\nThe kite spans 1.8 m , a well-known bird of 1,000 pairs.\n= = Diet = =\nIt eats mice ."
    found = split(tmp_path / "wiki.txt", WIKITEXT, split="wikitext")
    assert found == [("wiki.txt:2", "Red Kite", kite), ("wiki.txt:10", "2-step", "= 2-step =\nA dance .")]


def test_wikitext_escapes_can_stay(tmp_path: Path) -> None:
    found = split(tmp_path / "wiki.txt", WIKITEXT, split="wikitext", unescape=False)
    assert found[1][1:] == ("2 @-@ step", "= 2 @-@ step =\nA dance .")


def test_text_that_is_no_wikitext(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.txt: line 2 is text before the first(.|\n)*'Just text\.'"):
        split(tmp_path / "a.txt", "\nJust text.\n", split="wikitext")


@settings(max_examples=50, deadline=None)
@given(lines=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), max_size=8))
def test_lines_are_kept_in_order_and_whole(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    content = "\n".join(["first", *lines])
    found = split(path, content, split="line")
    expected = [(number, line) for number, line in enumerate(["first", *lines], 1) if line and not line.isspace()]
    assert [(int(id.rpartition(":")[2]), text) for id, _, text in found] == expected
    assert split(path, content, split="file") == [("a.txt", "", content)]


def test_all_splits_reach_the_stage(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(WIKITEXT)
    found = read(tmp_path / "a.txt", tmp_path, reader="text", split="wikitext", label="wiki")
    assert [document.title for document in found] == ["Red Kite", "2-step"]
    assert {document.source for document in found} == {"wiki/a.txt"}
