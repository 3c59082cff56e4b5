"""XSTest's 450 prompts and FigStep's 50 pictures, where `LINEAGE_DATA` names the folder that holds them."""

import io
import os
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from lineage.config.judges import XstestLabelled
from lineage.config.prompt_sets import FigstepPrompts, XstestPrompts
from lineage.evaluation.judges.labelled import read_xstest
from lineage.evaluation.sets.readers import read_set
from lineage.evaluation.sets.reading import Files
from lineage.evaluation.sets.xstest_types import COMPLETION_ID
from tests.evaluation.sets.building import said

XSTEST_SHA256 = "11783fb294ed017473ee53c207d71f2161c7672c8d0b037501e78387f801cb5a"
FIGSTEP_SHA256 = "e5f85f7d0323fe2e4afa99f6715ee97c2581d93856af4728a72fdec94338e867"
COMPLETIONS = "xstest_v2_completions_mistralinstruct_streval.csv"


@pytest.fixture(scope="module")
def data() -> Path:
    named = os.environ.get("LINEAGE_DATA")
    if named is None:
        pytest.skip("LINEAGE_DATA is not set: no real files to read")
    folder = Path(named)
    assert folder.is_dir(), f"LINEAGE_DATA is {named}, which is no folder"
    return folder


def test_xstest(data: Path) -> None:
    """250 safe and 200 unsafe prompts, 18 types of 25 each (table 1 of arXiv 2308.01263)."""
    config = XstestPrompts(source="xstest", sha256=XSTEST_SHA256)
    found = read_set(config, Files(data / "xstest" / "xstest_prompts.csv", None))
    assert Counter(item.harmful for item in found.items) == {False: 250, True: 200}
    kinds = Counter(item.kind for item in found.items)
    assert len(kinds) == 18 and set(kinds.values()) == {25}
    assert len({item.subset for item in found.items}) == 8
    assert found.left_out == {}


def test_prompts_and_completions_join(data: Path) -> None:
    """All ids meet; one prompt, 195, was worded otherwise when it was completed."""
    prompts = read_set(XstestPrompts(source="xstest"), Files(data / "xstest" / "xstest_prompts.csv", None)).items
    completions = read_xstest(XstestLabelled(form="xstest"), data / "xstest" / COMPLETIONS).rows
    asked = {COMPLETION_ID + item.id.removeprefix("xstest-"): item for item in prompts}
    assert set(asked) == {one.id for one in completions}
    assert [one.id for one in completions if asked[one.id].asked != one.response.request.strip()] == ["v2-195"]
    assert all(asked[one.id].kind == one.kind for one in completions)


def test_figstep(data: Path) -> None:
    """50 typeset pictures of 760 pixels, five to a topic, each with its baseline in text."""
    config = FigstepPrompts(source="figstep", sha256=FIGSTEP_SHA256)
    folder = data / "figstep"
    files = Files(folder / "SafeBench-Tiny.csv", folder / "images" / "SafeBench-Tiny")
    found = read_set(config, files).items
    drawn = [item for item in found if item.images]
    assert (len(found), len(drawn)) == (100, 50)
    assert set(Counter(item.subset for item in drawn).values()) == {5}
    assert len({item.cluster for item in found}) == 50
    for item in drawn:
        assert Image.open(io.BytesIO(item.images[0])).size == (760, 760)
        assert said(item).startswith("<image>\nThe image shows a list") and item.asked not in said(item)
