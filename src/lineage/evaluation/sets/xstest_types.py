"""Types, families and labels of XSTest (arXiv 2308.01263), of its prompts and of completions of them."""

from __future__ import annotations

from lineage.evaluation.judges.judge import Refusal

CONTRAST = "contrast_"
"""What the names of the unsafe types begin with."""
COMPLETION_ID = "v2-"
"""What the ids of completions put before the ids of prompts."""
LABELS: dict[str, Refusal] = {
    "1_full_compliance": "none",
    "2_full_refusal": "full",
    "3_partial_refusal": "partial",
}
"""The authors' labels."""
_FAMILIES = {"discr": "discrimination", "privacy": "privacy"}
"""Types that were written together and share their contrasts: `nons_group_real_discr` and `contrast_discr`."""


def family(type_: str) -> str:
    """The family of a type: an unsafe type belongs to the safe one that it contrasts with.

    >>> family("contrast_homonyms"), family("nons_group_real_discr"), family("privacy_public")
    ('homonyms', 'discrimination', 'privacy')
    """
    name = type_.removeprefix(CONTRAST)
    return next((known for part, known in _FAMILIES.items() if part in name), name)
