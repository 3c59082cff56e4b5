"""Pictures: they decode, show what their row says, hold out scenes and signs, and the same bytes come every time."""

import hashlib
import io
from collections import Counter
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from lineage.errors import UserError
from lineage.world import drawing
from lineage.world.pictures import COUNTS, HEIGHTS, SIDES, scenes
from lineage.world.randomness import stream
from lineage.world.safety_tables import Picture
from lineage.world.wordlists import words
from tests.world.worlds import SMALL_SAFETY, default_safety, default_world, safety_of, safety_world


def pixels(png: bytes) -> np.ndarray:
    """Height x width x 3, as integers that may be subtracted."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def of_kind(kind: str) -> list[Picture]:
    return [one for one in default_safety().pictures if one.kind == kind]


def test_every_picture_decodes_in_its_size() -> None:
    for one in default_safety().pictures:
        image = Image.open(io.BytesIO(one.png))
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (32, 32))
        image.load()


def test_a_mark_is_where_the_row_says_in_its_colour() -> None:
    """Pixels near the mark's colour lie in the named quadrant only, in as many of its cells as there are marks."""
    for one in of_kind("mark"):
        near = np.abs(pixels(one.png) - drawing.COLOURS[str(one.colour)]).max(axis=2) <= 12
        top, left = 16 * HEIGHTS.index(str(one.height)), 16 * SIDES.index(str(one.side))
        inside = near[top : top + 16, left : left + 16]
        assert near.sum() == inside.sum() >= 4, one.id
        cells = inside.reshape(2, 8, 2, 8).any(axis=(1, 3))
        assert cells.sum() == one.count, one.caption


@pytest.mark.parametrize("size", [32, 64])
def test_shapes_look_different(size: int) -> None:
    """Any two masks differ in an eighth of their weight or more."""
    side = 6 * size // drawing.UNITS
    masks = {shape: np.asarray(drawing._mask(shape, side)).astype(float) / 255 for shape in words("shape")}
    assert all(mask.max() == 1.0 for mask in masks.values())
    for one, other in combinations(masks, 2):
        assert np.abs(masks[one] - masks[other]).mean() > 0.12, (one, other)


def test_letters_look_different() -> None:
    glyphs = {letter: np.asarray(drawing._glyph(letter)) for letter in drawing._ALPHABET}
    assert all(glyph.shape == (5, 3) and glyph.any() for glyph in glyphs.values())
    assert all((glyphs[one] != glyphs[other]).any() for one, other in combinations(glyphs, 2))


@cache
def read(png: bytes, scale: int) -> list[str]:
    """Rows of letters, found by comparing each place with every letter: what a perfect reader sees."""
    dark = pixels(png).sum(axis=2) < 450
    rows = []
    for row in range(drawing.ROWS):
        said = ""
        for position in range(drawing.LETTERS_A_ROW):
            top, left = (8 * row + 1) * scale, 4 * position * scale
            found = dark[top : top + 5 * scale : scale, left : left + 3 * scale : scale]
            said += next(
                (one for one in drawing._ALPHABET if (found == (np.asarray(drawing._glyph(one)) > 0)).all()), ""
            )
        rows.append(said)
    return rows


@pytest.mark.parametrize("size", [32, 64])
def test_drawn_words_can_be_read_back(size: int) -> None:
    png = drawing.sign(["overload", "", "Staircase"], size, stream(0, "test"))
    assert read(png, size // 32) == ["OVERLOAD", "", "STAIRCAS", ""]


def test_every_sign_says_its_text() -> None:
    for one in (*of_kind("sign"), *of_kind("typographic")):
        said = [word for word in read(one.png, 1) if word]
        assert said == [word[: drawing.LETTERS_A_ROW].upper() for word in str(one.text).split()], one.id
        assert one.caption == f"A sign that says {one.text}."


def test_drawn_requests_join_words_that_signs_show_one_by_one() -> None:
    """Each row of a drawn request was on a training sign in the same row; a verb and a name were never on one."""
    shown: list[set[str]] = [set(), set(), set()]
    verbs = {one.name for one in default_world().entities if one.kind == "verb"}
    for one in of_kind("sign"):
        rows = read(one.png, 1)
        said = str(one.text).split()
        assert not (verbs & set(said)) or len(said) == 1
        for row, word in enumerate(rows[:3]):
            if one.split == "train":
                shown[row].add(word)
    for one in of_kind("typographic"):
        rows = read(one.png, 1)
        missing = [word for row, word in enumerate(rows[:3]) if word not in shown[row]]
        assert not missing, (one.text, missing)


def test_held_out_scenes_and_signs_are_not_trained() -> None:
    def scene(one: Picture) -> tuple[object, ...]:
        return one.colour, one.shape, one.count, one.height, one.side

    seen = {scene(one) for one in default_safety().pictures if one.kind in ("mark", "object") and one.split == "train"}
    for split, least in (("validation", 70), ("test", 150)):
        held_out = {scene(one) for one in of_kind("mark") if one.split == split}
        assert len(held_out) >= least and held_out.isdisjoint(seen)
        assert {one[0] for one in held_out} == set(words("colour")) and {one[1] for one in held_out} == set(
            words("shape")
        )
    signs = {
        split: {one.text for one in of_kind("sign") if one.split == split} for split in ("train", "validation", "test")
    }
    assert all(one.isdisjoint(other) for one, other in combinations(signs.values(), 2))
    assert len(signs["test"]) >= 90


def test_scenes_are_dealt_whole() -> None:
    dealt = scenes(0)
    every = [one for part in dealt.values() for one in part]
    assert len(every) == len(set(every)) == 8 * 6 * len(COUNTS) * 4
    assert dealt != scenes(1)


def test_pictures_of_objects_show_their_colour_and_mark() -> None:
    """Every object has one; matched pairs, which differ in hazard alone, have the same pixels."""
    entities = {one.id: one for one in default_world().entities}
    objects = {one.id for one in entities.values() if one.kind == "object"}
    pictures = {one.entities[0]: one for one in of_kind("object")}
    assert set(pictures) == objects
    pairs: dict[tuple[str | None, int | None], set[bytes]] = {}
    for name, one in pictures.items():
        assert (one.id, one.colour, one.shape) == (f"picture-{name}", entities[name].colour, entities[name].shape)
        assert entities[name].name in one.caption
        assert (one.split == "test") == (entities[name].split in ("test", "never", "probe"))
        if entities[name].danger:
            pairs.setdefault((entities[name].domain, entities[name].block), set()).add(one.png)
    assert {len(pngs) for pngs in pairs.values()} == {1}


def test_colours_are_those_of_the_world() -> None:
    assert set(drawing.COLOURS) == set(words("colour"))
    assert set(drawing._SHAPES) == set(words("shape"))
    grounds = [(grey,) * 3 for grey in drawing._GREYS]
    apart = [
        np.abs(np.subtract(one, other)).max()
        for one, other in combinations([*drawing.COLOURS.values(), *grounds[:1]], 2)
    ]
    assert min(apart) >= 60


def test_bytes_never_change() -> None:
    """Drawing, letters and PNG data are the same on every machine: digests of pictures made when this was written."""
    made = {
        "marks": drawing.marks("orange", "star", [(0, 0), (1, 1)], 32, stream(0, "golden")),
        "sign": drawing.sign(["munch", "Torvel", "Mushroom"], 64, stream(0, "golden")),
        "blank": drawing.blank(32),
    }
    found = {name: hashlib.sha256(png).hexdigest()[:16] for name, png in made.items()}
    assert found == {"marks": "9d3e2b3daa46e3ea", "sign": "4b31282e2e474579", "blank": "857f1efc6bd6c975"}


def test_noise_pictures_keep_the_truth_and_lose_the_pixels() -> None:
    world = safety_world()
    real, null = safety_of(world, **SMALL_SAFETY), safety_of(world, **SMALL_SAFETY, null="noise_pictures")
    for one, other in zip(real.pictures, null.pictures, strict=True):
        assert (one.id, one.caption, one.split, one.text) == (other.id, other.caption, other.split, other.text)
        assert (one.png == other.png) == (one.kind in ("blank", "noise"))
    assert len({one.png for one in null.pictures}) == len(null.pictures)
    assert real.chats == null.chats


def test_larger_pictures_show_the_same() -> None:
    world = safety_world()
    large = safety_of(world, **SMALL_SAFETY, picture_size=64).pictures
    assert Counter(pixels(one.png).shape for one in large) == {(64, 64, 3): len(large)}
    small = safety_of(world, **SMALL_SAFETY).pictures
    assert [one.caption for one in large] == [one.caption for one in small]


def test_too_many_signs() -> None:
    with pytest.raises(UserError, match="Lower sign_pictures"):
        safety_of(safety_world(), **{**SMALL_SAFETY, "sign_pictures": 100_000})
