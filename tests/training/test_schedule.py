"""Learning rates, worked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.config.training import Optimizer
from lineage.errors import UserError
from lineage.training.schedule import Schedule


def rates(shape, *, warmup_steps: int = 2, horizon_steps: int = 6, floor: float = 0.0) -> list[float]:
    schedule = Schedule(peak=1.0, warmup_steps=warmup_steps, horizon_steps=horizon_steps, shape=shape, floor=floor)
    return [schedule(step) for step in range(horizon_steps)]


def test_linear_as_in_the_docstring():
    assert rates("linear") == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_cosine_is_half_way_down_in_the_middle():
    # (1 + cos(pi * progress)) / 2 at progress 0, 1/4, 1/2, 3/4
    root = math.sqrt(0.5)
    assert rates("cosine") == pytest.approx([0.5, 1.0, 1.0, (1 + root) / 2, 0.5, (1 - root) / 2])


def test_constant_and_floor():
    assert rates("constant") == [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert rates("linear", floor=0.2) == pytest.approx([0.5, 1.0, 1.0, 0.8, 0.6, 0.4])
    assert rates("linear", warmup_steps=0, horizon_steps=2) == [1.0, 0.5]


@given(
    shape=st.sampled_from(["cosine", "linear", "constant"]),
    warmup=st.integers(0, 20),
    extra=st.integers(1, 50),
    floor=st.floats(0, 1),
)
def test_never_zero_never_above_the_peak_and_monotone_on_both_sides(shape, warmup: int, extra: int, floor: float):
    found = rates(shape, warmup_steps=warmup, horizon_steps=warmup + extra, floor=floor)
    assert all(0 < rate <= 1 for rate in found)
    assert found[:warmup] == sorted(found[:warmup])
    assert found[warmup:] == sorted(found[warmup:], reverse=True)
    assert found[warmup] == 1.0


def test_warmup_longer_than_the_run():
    with pytest.raises(UserError, match="warmup_steps is 7, more than the 6 steps"):
        rates("linear", warmup_steps=7)


def test_outside_the_run():
    schedule = Schedule.of(Optimizer(), horizon_steps=5)
    for step in (-1, 5):
        with pytest.raises(ValueError, match=f"step {step} is outside"):
            schedule(step)


def test_batches_must_hold_whole_rows():
    from lineage.config.training import Optimization

    with pytest.raises(ValueError, match="no multiple of sequence_length 256; the nearest are 768 and 1024"):
        Optimization(batch_tokens=1000, sequence_length=256)
    with pytest.raises(ValueError, match="the nearest are 256 and 512"):
        Optimization(batch_tokens=100, sequence_length=256)
