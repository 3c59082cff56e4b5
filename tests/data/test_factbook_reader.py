"""World Factbook profiles."""

import json
from pathlib import Path

import pytest

from lineage.errors import UserError
from tests.data.building import read

PROFILE = {
    "Introduction": {"Background": {"text": "<p>An <strong>old</strong> land.</p><br><br>It&nbsp;rains &amp; snows."}},
    "Geography": {
        "Area": {"total ": {"text": "12 sq km"}, "land": {"text": ""}, "note": "<em>note:</em> x < 5"},
    },
    "Government": {
        "Country name": {"conventional long form": {"text": "none"}, "conventional short form": {"text": "Ruritania"}}
    },
    "Economy": {},
}


@pytest.fixture
def factbook(tmp_path: Path) -> Path:
    folder = tmp_path / "profiles"
    for name, content in (
        ("europe/ru.json", PROFILE),
        ("meta/categories.json", {"Introduction": {"count": 1}}),
    ):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def test_sections(factbook: Path, tmp_path: Path) -> None:
    found = read(factbook, tmp_path, reader="factbook", label="factbook")
    assert [(one.id, one.title) for one in found] == [
        ("factbook/europe/ru/Introduction", "Ruritania: Introduction"),
        ("factbook/europe/ru/Geography", "Ruritania: Geography"),
        ("factbook/europe/ru/Government", "Ruritania: Government"),
    ]
    assert found[0].text == "Background: An old land. It rains & snows."
    assert found[1].text == "Area, total: 12 sq km\nArea, note: note: x < 5"
    assert found[0].source == "factbook/europe/ru.json"


def test_profiles(factbook: Path, tmp_path: Path) -> None:
    found = read(factbook, tmp_path, reader="factbook", document="profile", label="factbook")
    assert [(one.id, one.title) for one in found] == [("factbook/europe/ru", "Ruritania")]
    assert found[0].text.count("\n") == 4


def test_torn_profile(factbook: Path, tmp_path: Path) -> None:
    path = factbook / "europe" / "ru.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match=r"ru\.json: not JSON: line 1, column \d+(.|\n)*torn"):
        read(factbook, tmp_path, reader="factbook")


def test_file_that_is_no_profile(factbook: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"categories\.json: count is 1, not text"):
        read(factbook, tmp_path, reader="factbook", pattern="meta/*.json")
