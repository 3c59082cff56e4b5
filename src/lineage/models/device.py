"""Where a stage with tensors runs."""

from __future__ import annotations

import torch

from lineage.config.execution import Execution
from lineage.errors import UserError


def device_for(execution: Execution) -> torch.device:
    """The GPU where the workflow granted one and torch sees it, else the CPU.

    Raises:
        UserError: `execution.device` asks for a GPU and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if execution.device == "gpu" and not has_gpu:
        raise UserError("execution.device is 'gpu', but torch sees none here. Use 'cpu' or 'auto'.")
    return torch.device("cuda" if has_gpu and execution.device != "cpu" else "cpu")
