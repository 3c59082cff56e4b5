"""What every loss gives."""

from typing import NamedTuple

from torch import Tensor


class Total(NamedTuple):
    """A loss that can be added up over micro-batches and processes."""

    sum: Tensor
    """Scalar, float32, differentiable: the losses of all scored items, added up."""
    count: Tensor  # pyright: ignore[reportIncompatibleMethodOverride]
    """Scalar, integer: how many items were scored."""
