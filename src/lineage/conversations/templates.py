"""Chat templates, as files of Jinja that a tokenizer keeps: `{% generation %}` marks what the assistant says."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Literal

from lineage.errors import UserError

TemplateName = Literal["roles", "vicuna_v1", "llava_v1", "llava_llama_2", "plain"]
"""`roles`: one token a role (the generated world's tokenizers). The others are LLaVA's (its `conversation.py`): `plain`
is for captions only, in stage 1."""

FILE = "chat_template.jinja"
"""Name under which transformers reads and writes a tokenizer's template."""

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")


def shipped(name: TemplateName) -> str:
    """The text of one of our templates."""
    return (files("lineage.conversations") / "templates" / f"{name}.jinja").read_text(encoding="utf-8")


def check_marked(template: str | None, *, place: str) -> str:
    """The template, if it says where the assistant speaks.

    Raises:
        UserError: there is none, or one without `{% generation %}`, so that nobody can know what is to be learned.
    """
    if not template:
        raise UserError(
            f"{place}: its tokenizer has no chat template.\n"
            "  Name one in `template` (roles, vicuna_v1, llava_v1, llava_llama_2)."
        )
    if not _GENERATION.search(template):
        raise UserError(
            f"{place}: its chat template has no `{{% generation %}}` around what the assistant says, so what is to be"
            " learned is not marked.\n"
            f"  Add the marks to its {FILE}, or name one of ours in `template`."
        )
    return template
