"""Pictures of the user's: whole ones are taken byte for byte; every other file is refused and named."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from lineage.conversations.conversation import BadRow
from lineage.conversations.pictures import FORMATS, MAX_PIXELS, open_image, sound_picture
from lineage.conversations.sources.files import picture_file
from lineage.errors import UserError
from tests.conversations.building import picture, png, write_pictures


def bomb() -> bytes:
    """A PNG whose header promises 20,000 x 20,000 pixels, in 70 bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_picture_is_taken_byte_for_byte(form: str) -> None:
    file = picture(form=form, size=32)
    assert sound_picture(file, place="here") is file


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_torn_picture(form: str, share: float) -> None:
    file = picture(form=form, size=32)
    with pytest.raises(BadRow, match=r"^here: ") as error:
        sound_picture(file[: int(share * len(file))], place="here")
    assert error.value.reason in ("a torn picture", "no picture")


@pytest.mark.parametrize("behind", [12, -1])
def test_a_picture_with_a_flipped_bit(behind: int) -> None:
    """In its pixels, and in the checksum of their chunk, which unpacking alone does not look at."""
    file = bytearray(png(7))
    first, last = bytes(file).index(b"IDAT") + 4, bytes(file).index(b"IEND") - 4
    file[(first if behind > 0 else last) + behind] ^= 1
    with pytest.raises(BadRow, match="a torn or damaged picture") as error:
        sound_picture(bytes(file), place="here")
    assert error.value.reason == "a torn picture"


@pytest.mark.parametrize("file", [b"", b"no picture at all", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_a_file_that_is_no_picture(file: bytes) -> None:
    with pytest.raises(
        BadRow, match=rf"^here: {len(file)} bytes that are no picture .*\n  Forms that are read: PNG, JPEG"
    ):
        sound_picture(file, place="here")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(recwarn: pytest.WarningsRecorder) -> None:
    assert len(bomb()) < 100
    with pytest.raises(BadRow, match=r"here: a picture of .*400000000 pixels.*; more than 64,000,000 pixels"):
        sound_picture(bomb(), place="here")
    file = io.BytesIO()
    Image.new("1", (8000, MAX_PIXELS // 8000 + 1)).save(file, "PNG")
    with pytest.raises(UserError, match=r"here: a picture of 8000 x 8001 pixels"):
        open_image(file.getvalue(), place="here")
    assert not recwarn.list


def test_a_file_of_a_folder(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "images", {"a/b.png": png(1), "c.png": png(2)})
    assert picture_file(folder, "a/b.png") == png(1)
    (folder / "link.png").symlink_to(folder / "c.png")
    assert picture_file(folder, "link.png") == png(2)
    (tmp_path / "alias").symlink_to(folder)
    assert picture_file(tmp_path / "alias", "c.png") == png(2)


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "/etc/hostname", "..", "a/.."])
def test_a_path_that_leaves_its_folder(tmp_path: Path, name: str) -> None:
    folder = write_pictures(tmp_path / "images", {"a/b.png": png(1)})
    (tmp_path / "secret.png").write_bytes(png(3))
    with pytest.raises(UserError, match="a path that leads out of") as error:
        picture_file(folder, name)
    assert name in str(error.value)
    assert not isinstance(error.value, BadRow), "such a row may not be dropped without a word"


@pytest.mark.parametrize("through", ["file", "folder"])
def test_a_link_that_leaves_its_folder(tmp_path: Path, through: str) -> None:
    folder = write_pictures(tmp_path / "images", {"a.png": png(1)})
    outside = write_pictures(tmp_path / "outside", {"secret.png": png(3)})
    target = outside / "secret.png" if through == "file" else outside
    (folder / "link").symlink_to(target)
    with pytest.raises(UserError, match=r"links to .*secret\.png, outside of") as error:
        picture_file(folder, "link" if through == "file" else "link/secret.png")
    assert not isinstance(error.value, BadRow)


@pytest.mark.parametrize("name", ["b.png", "a.png/b.png", "folder", "x" * 300, "circle"])
def test_a_missing_picture(tmp_path: Path, name: str) -> None:
    folder = write_pictures(tmp_path / "images", {"a.png": png(1), "folder/c.png": png(1)})
    (folder / "circle").symlink_to(folder / "circle")
    with pytest.raises(BadRow, match="no such picture") as error:
        picture_file(folder, name)
    assert error.value.reason == "a missing picture"
    assert "Check `images`" in str(error.value)


@pytest.mark.parametrize("name", [None, 7, "", "a\0b"])
def test_what_is_no_path(tmp_path: Path, name: object) -> None:
    with pytest.raises(BadRow, match="must be a path below"):
        picture_file(tmp_path, name)


def test_no_folder_to_look_in() -> None:
    with pytest.raises(UserError, match=r"no folder of pictures is given\.\n  Set `images`"):
        picture_file(None, "a.png")
