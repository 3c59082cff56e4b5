"""Names and references between names, as every section of the config writes them."""

from typing import Annotated

from pydantic import StringConstraints

from lineage.config.messages import NAME_PATTERN, REFERENCE_PATTERN

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Small letters, digits and underscores: names become folders."""
ModelReference = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN)]
"""`base` (its last checkpoint) or `base@300`; in the spec of a stage always the artifact's name."""
