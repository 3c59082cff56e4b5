"""The points of several groups as one padded tensor, or of one large group left where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Block(NamedTuple):
    """Some points of every group, the mean of their group subtracted."""

    part: slice
    """Their numbers."""
    values: Tensor
    """[group, point, d]"""
    norms: Tensor
    """[group, point] squared."""
    weights: Tensor
    """[group, point]"""
    weighted: Tensor
    """[group, point, d + 1] weight times value, and the weight itself: sums and masses come from one product."""


@dataclass(frozen=True)
class Points:
    """Points to cluster, with the mean of their group subtracted: distances lose fewer digits near the origin.

    Groups of one block are prepared once; of a larger group the blocks are read and prepared whenever they are needed,
    so that memory does not grow with it.
    """

    values: Tensor
    """[group, point, d], padded at the end; as they were read."""
    weights: Tensor
    """[group, point] how often each occurs; 0 is padding."""
    mean: Tensor
    """[group, 1, d]"""
    block: int
    """Points of a group that are read at once."""
    only: Block | None
    """The one block, if there is but one."""

    @classmethod
    def of(cls, values: Tensor, weights: Tensor, *, block: int) -> Points:
        """Weighted means are computed in blocks, where values may be a memory-mapped file."""
        total = torch.zeros(len(values), 1, values.shape[2], dtype=weights.dtype, device=weights.device)
        for start in range(0, values.shape[1], block):
            part = slice(start, start + block)
            total += weights[:, None, part] @ values[:, part].to(total)
        mean = total / weights.sum(dim=1)[:, None, None]
        whole = slice(0, values.shape[1])
        only = _prepared(whole, values, weights, mean) if values.shape[1] <= block else None
        return cls(values, weights, mean, block, only)

    @property
    def width(self) -> int:
        """d."""
        return self.values.shape[2]

    @property
    def dtype(self) -> torch.dtype:
        """What distances are computed in."""
        return self.weights.dtype

    @property
    def device(self) -> torch.device:
        """Where distances are computed."""
        return self.weights.device

    def blocks(self) -> Iterator[Block]:
        """All points, a block after the other."""
        if self.only is not None:
            yield self.only
            return
        for start in range(0, self.values.shape[1], self.block):
            part = slice(start, start + self.block)
            yield _prepared(part, self.values[:, part], self.weights[:, part], self.mean)

    def take(self, index: Tensor) -> Tensor:
        """[group, restart, draw, d] the points of these numbers [group, restart, draw]."""
        groups = torch.arange(len(index), device=self.values.device)[:, None, None]
        return self.values[groups, index.to(self.values.device)].to(self.mean) - self.mean[:, None]

    def variance(self) -> Tensor:
        """[group] mean over coordinates of the weighted variance."""
        total = sum((block.norms * block.weights).sum(dim=1) for block in self.blocks())
        assert isinstance(total, Tensor)
        return total / (self.weights.sum(dim=1) * self.width)

    def of_groups(self, kept: Tensor) -> Points:
        """The points of some groups, by their numbers."""
        longest = int((self.weights[kept] > 0).sum(dim=1).max())
        values, weights = self.values[kept, :longest], self.weights[kept, :longest]
        only = None
        if self.only is not None:
            parts = [tensor[kept, :longest] for tensor in self.only[1:]]
            only = Block(slice(0, longest), *parts)
        return Points(values, weights, self.mean[kept], self.block, only)


def _prepared(part: slice, values: Tensor, weights: Tensor, mean: Tensor) -> Block:
    centered = values.to(mean) - mean
    factors = weights[..., None]
    weighted = torch.cat([centered * factors, factors], dim=2)
    return Block(part, centered, centered.square().sum(dim=-1), weights, weighted)
