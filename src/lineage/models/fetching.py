"""Models of the Hugging Face hub, in the local cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lineage.errors import UserError


def fetch(name: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """The folder of those files of a repository that match the patterns.

    Raises:
        UserError: no such repository or revision, a gate, or no network.
    """
    # Takes a third of a second to import, so only where it is used.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"{name} at {revision}: cannot be had from the hub ({error}).\n"
            "  Check name, revision and network, or download the folder elsewhere and give its `path`."
        ) from error
