"""What the stage `exposures` reads: nothing but its inputs."""

from lineage.config.base import Frozen


class Exposures(Frozen):
    """How often each fact of the world stood whole in what the steps of a run really saw."""

    checkpoints: list[int]
    """Steps at which the count is taken."""
    start_step: int | None = None
    """Step at which the parent's count is taken, where the run went on from another model."""
