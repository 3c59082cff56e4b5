"""What the stage `exposures` reads: nothing but its inputs."""

from lineage.config.base import Frozen


class Exposures(Frozen):
    """How often each fact of the world stood whole in what a model had really seen when its segment ended."""
