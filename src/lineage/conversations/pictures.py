"""Pictures as files: opened with care, because their bytes come from anywhere."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

from PIL import Image, UnidentifiedImageError

from lineage.conversations.conversation import BadRow
from lineage.errors import UserError

MAX_PIXELS = 64_000_000
"""A picture of more is refused before it is unpacked: a few kilobytes can unpack to gigabytes."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Forms that are read. Pillow opens many more, some of them by running other programs (EPS)."""

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)
"""What Pillow raises at the bytes of a broken picture."""


def open_image(file: bytes, *, place: str) -> Image.Image:
    """A picture, its header read, not yet unpacked.

    Raises:
        UserError: no picture, or one that would unpack to too much.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused below, and with fewer pixels
            image = Image.open(io.BytesIO(file), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UserError(_too_large(place, str(error))) from error
    except (UnidentifiedImageError, *_BROKEN) as error:
        raise UserError(
            f"{place}: {len(file):,} bytes that are no picture ({error}).\n  Forms that are read: {', '.join(FORMATS)}."
        ) from error
    if image.width * image.height > MAX_PIXELS:
        raise UserError(_too_large(place, f"{image.width} x {image.height} pixels"))
    return image


def sound_picture(file: bytes, *, place: str) -> bytes:
    """The very bytes of a picture that was read to its end, checksums included.

    Raises:
        BadRow: no picture, a torn or damaged one, or one that would unpack to too much.
    """
    try:
        opened = open_image(file, place=place)
    except UserError as error:
        raise BadRow("no picture", str(error)) from error
    try:
        opened.verify()  # checksums, which unpacking leaves out; the object is of no use afterwards
        open_image(file, place=place).load()
    except _BROKEN as error:
        raise BadRow(
            "a torn picture",
            f"{place}: a torn or damaged picture, {len(file):,} bytes of {opened.format} ({error}).\n"
            "  Fetch the file again.",
        ) from error
    return file


def _too_large(place: str, found: str) -> str:
    return f"{place}: a picture of {found}; more than {MAX_PIXELS:,} pixels are refused.\n  Make it smaller beforehand."
