"""One thread count in, the same out: `train` sets it for the process."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def threads_kept() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
