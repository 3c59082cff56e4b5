"""Small pictures as PNG: marks in cells, words in letters of three by five pixels, noise, and nothing.

A picture of 32 pixels is a grid of 4 x 4 cells of 8 pixels, which are the patches of the default vision tower: a cell
holds one mark, or two letters of a drawn word. Pictures of 64 pixels are the same grid with cells of 16. The letters
are a table of this module and PNG data are stored, not compressed, so the bytes depend neither on fonts nor on zlib;
Parquet compresses them.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random

from PIL import Image, ImageChops, ImageDraw

GRID = 4
"""Cells a side."""
UNITS = 32
"""Drawing units a side: one pixel each in a picture of 32 pixels, two each in one of 64."""
LETTERS_A_ROW = 8
ROWS = GRID

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (205, 35, 35),
    "blue": (40, 75, 215),
    "green": (35, 150, 55),
    "yellow": (245, 225, 50),
    "white": (255, 255, 255),
    "black": (10, 10, 10),
    "purple": (140, 45, 165),
    "orange": (245, 140, 25),
}
"""Colours of the marks; a test compares them with the world's list."""

_GREYS = (116, 128, 140)
_PAPERS = ((240, 232, 205), (215, 230, 245), (225, 242, 215))
_INKS = ((20, 20, 20), (25, 30, 90), (85, 20, 20))
_GRAIN = (-6, 0, 6)
"""Change of brightness of single pixels."""
_OVERSAMPLING = 8
_MARK_UNITS = 6

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ATLAS = """
.#. ##. .## ##. ### ### .## #.# ### ..# #.# #.. #.# ##. .#. ##. .#. ##. .## ### #.# #.# #.# #.# #.# ###
#.# #.# #.. #.# #.. #.. #.. #.# .#. ..# #.# #.. ### #.# #.# #.# #.# #.# #.. .#. #.# #.# #.# #.# #.# ..#
### ##. #.. #.# ##. ##. #.# ### .#. ..# ##. #.. ### #.# #.# ##. #.# ##. .#. .#. #.# #.# ### .#. .#. .#.
#.# #.# #.. #.# #.. #.. #.# #.# .#. #.# #.# #.. #.# #.# #.# #.. ##. #.# ..# .#. #.# #.# ### #.# .#. #..
#.# ##. .## ##. ### #.. .## #.# ### .#. #.# ### #.# #.# .#. #.. .## #.# ##. .#. ### .#. #.# #.# .#. ###
"""
"""Five rows of pixels of each letter of the alphabet, in order."""

Cell = tuple[int, int]
"""Row and column, from the top left."""


def marks(colour: str, shape: str, cells: Sequence[Cell], size: int, random: Random) -> bytes:
    """One mark in each of the cells, moved by a pixel at random, on a grey ground."""
    image = Image.new("RGB", (size, size), (random.choice(_GREYS),) * 3)
    scale = size // UNITS
    side, cell = _MARK_UNITS * scale, size // GRID
    for row, column in cells:
        # A pixel of ground stays between the marks of two cells.
        place = column * cell + random.randrange(cell - side), row * cell + random.randrange(cell - side)
        image.paste(COLOURS[colour], place, _mask(shape, side))
    return png(_grained(image, random))


def sign(rows: Sequence[str], size: int, random: Random) -> bytes:
    """Words in capital letters, one a row from the top; a row holds eight letters and cuts what is longer.

    An empty string leaves its row free.
    """
    assert len(rows) <= ROWS
    image = Image.new("RGB", (size, size), random.choice(_PAPERS))
    ink, scale = random.choice(_INKS), size // UNITS
    for row, word in enumerate(rows):
        for position, letter in enumerate(word.upper()[:LETTERS_A_ROW]):
            left, top = 4 * position * scale, (8 * row + 1) * scale
            image.paste(ink, (left, top), _glyph(letter).resize((3 * scale, 5 * scale), Image.Resampling.NEAREST))
    return png(_grained(image, random))


def blank(size: int) -> bytes:
    """A plain grey picture."""
    return png(Image.new("RGB", (size, size), (128, 128, 128)))


def noise(size: int, random: Random) -> bytes:
    """Independent uniform colours."""
    return png(Image.frombytes("RGB", (size, size), random.randbytes(3 * size * size)))


def png(image: Image.Image) -> bytes:
    """The picture as PNG with stored data: the same bytes whichever zlib there is."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _grained(image: Image.Image, random: Random) -> Image.Image:
    """The picture with slightly brighter and darker pixels, all three channels alike."""
    width, height = image.size
    grain = bytes(128 + step for step in random.choices(_GRAIN, k=width * height))
    layer = Image.frombytes("L", (width, height), grain).convert("RGB")
    return ImageChops.add(image, layer, offset=-128)


@cache
def _glyph(letter: str) -> Image.Image:
    """The 3 x 5 pixels of one letter as a mask."""
    column = 4 * _ALPHABET.index(letter)
    mask = Image.new("L", (3, 5))
    for y, line in enumerate(_ATLAS.strip().splitlines()):
        for x, pixel in enumerate(line[column : column + 3]):
            mask.putpixel((x, y), 255 * (pixel == "#"))
    return mask


@cache
def _mask(shape: str, side: int) -> Image.Image:
    """The shape, filled, smooth at its edges, as a mask of `side` pixels."""
    large = side * _OVERSAMPLING
    mask = Image.new("L", (large, large))
    _SHAPES[shape](ImageDraw.Draw(mask), large - 1)
    return mask.resize((side, side), Image.Resampling.BOX)


Pencil = ImageDraw.ImageDraw


def _polygon(pencil: Pencil, side: int, corners: Sequence[tuple[float, float]]) -> None:
    """A filled polygon; corners as shares of the side."""
    pencil.polygon([(x * side, y * side) for x, y in corners], fill=255)


def _star(pencil: Pencil, side: int) -> None:
    """Five points, the inner corners at two fifths of the radius."""
    turns = [(math.pi * (index / 5 - 0.5), 0.52 if index % 2 == 0 else 0.21) for index in range(10)]
    corners = [(0.5 + radius * math.cos(turn), 0.53 + radius * math.sin(turn)) for turn, radius in turns]
    _polygon(pencil, side, [(round(x, 3), round(y, 3)) for x, y in corners])


def _cross(pencil: Pencil, side: int) -> None:
    """Arms a third of the side wide: two pixels of six, so that it does not look like a diamond."""
    first, last = (side + 1) // 3, 2 * (side + 1) // 3 - 1
    pencil.rectangle((first, 0, last, side), fill=255)
    pencil.rectangle((0, first, side, last), fill=255)


_SHAPES: Mapping[str, Callable[[Pencil, int], None]] = {
    "circle": lambda pencil, side: pencil.ellipse((0, 0, side, side), fill=255),
    "square": lambda pencil, side: pencil.rectangle((0, 0, side, side), fill=255),
    "triangle": lambda pencil, side: _polygon(pencil, side, [(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)]),
    "star": _star,
    "cross": _cross,
    "diamond": lambda pencil, side: _polygon(pencil, side, [(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)]),
}
