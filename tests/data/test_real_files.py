"""WikiText-2 and the World Factbook, where `LINEAGE_DATA` names the folder that holds them."""

import os
from pathlib import Path

import pytest

from lineage.config.corpus import Corpus
from lineage.config.documents import Documents
from lineage.data.schema import read_documents
from lineage.stages.corpus import corpus
from lineage.stages.documents import documents
from tests.data.building import build, read


@pytest.fixture(scope="module")
def data() -> Path:
    named = os.environ.get("LINEAGE_DATA")
    if named is None:
        pytest.skip("LINEAGE_DATA is not set: no real files to read")
    folder = Path(named)
    assert folder.is_dir(), f"LINEAGE_DATA is {named}, which is no folder"
    return folder


def test_wikitext(data: Path, tmp_path: Path) -> None:
    """60 articles each: as many as the paper's table 1 gives for validation and test (arXiv 1609.07843)."""
    found = read(data / "wikitext2_valtest", tmp_path, reader="text", split="wikitext", pattern="[tv]*.txt")
    assert [sum(one.source == name for one in found) for name in ("test.txt", "valid.txt")] == [60, 60]
    assert found[60].title == "Homarus gammarus"
    assert not any("@-@" in one.text or "@,@" in one.text for one in found)


def test_factbook(data: Path, tmp_path: Path) -> None:
    profiles = read(data / "factbook", tmp_path, reader="factbook", document="profile")
    assert len(profiles) == 261
    titles = {one.id: one.title for one in profiles}
    assert (titles["africa/ag"], titles["europe/ee"], titles["oceans/zh"]) == ("Algeria", "European Union", "oceans/zh")
    assert not any("<p>" in one.text or "&nbsp;" in one.text for one in profiles)


def test_factbook_sections_repeat(data: Path, tmp_path: Path) -> None:
    config = Documents.model_validate({"reader": "factbook", "document": "section"})
    sections = build(documents, tmp_path / "sections", config, source=data / "factbook")
    made = build(corpus, tmp_path / "corpus", Corpus(held_out_share=0.05), documents=[sections])
    counts = made.manifest.counts
    assert counts["removed_exact"] > 0
    assert (
        counts["documents"] + counts["held_out_documents"] + counts["removed_exact"] + counts["removed_near"]
        == (counts["documents_read"])
    )
    assert sum(1 for _ in read_documents(made.path("documents.parquet"))) == counts["documents"]
