"""Pictures in a folder a class: one question, answered by the class."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lineage.config.conversations import ImageFolderConversations
from lineage.config.messages import listed
from lineage.conversations.conversation import IMAGE_MARK
from lineage.conversations.intake import Entry, Inputs, Row, share_of
from lineage.conversations.sources.files import needed, picture_file
from lineage.conversations.sources.turns import exchange, pictures_first
from lineage.errors import UserError


def read_image_folder(config: ImageFolderConversations, inputs: Inputs) -> Iterator[Entry]:
    """A conversation a picture, in an order that looks random, so that `limit` takes of every class.

    Raises:
        UserError: no folder, no subfolder in it, a label for a subfolder that is not there.
    """
    folder = needed(inputs.source, what="`path`, a folder with a subfolder for each class")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise UserError(f"{folder}: no subfolder in it. Each class needs one, named by what its pictures show.")
    if unknown := sorted(set(config.labels) - set(classes)):
        raise UserError(f"labels: no subfolder '{unknown[0]}' in {folder}.\n  subfolders: {listed(classes)}")
    names = [name for one in classes for name in _files(folder, one)]
    for name in sorted(names, key=lambda name: share_of(0, name.encode("utf-8", "surrogateescape"))):
        yield Entry(name, partial(_row, config, folder, name))


def _files(folder: Path, of_class: str) -> Iterator[str]:
    for path in sorted((folder / of_class).rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        if not path.is_dir():
            yield name.as_posix()
        elif path.is_symlink():
            raise UserError(f"{path}: links to the folder {path.resolve()}. Put the pictures themselves there.")


def _row(config: ImageFolderConversations, folder: Path, name: str) -> Row:
    of_class = name.partition("/")[0]
    answer = config.answer.replace("{label}", config.labels.get(of_class, of_class))
    return {
        "id": name,
        "kind": of_class,
        "harmful": None,
        "messages": exchange(pictures_first(IMAGE_MARK + config.question), answer),
        "images": [picture_file(folder, name)],
        "captions": [],
    }
