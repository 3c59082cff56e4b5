"""The one training loop: pretraining, tuning, adaptation, preferences and retrievers share it.

A stage chooses model, trainable parts, `batches(step)`, loss, and what to observe. The loop is ours because of three
things: a resumed run is bit-identical to an uninterrupted one (data and randomness are functions of seed and step;
weights, moments and step are all the state); any step can be observed; and every loss is divided once, by what the
whole step scores over all micro-batches and processes, so that unequal masks give the gradient of one big batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lineage.config.execution import Execution
from lineage.config.training import Optimizer
from lineage.data.batch import Batch
from lineage.errors import StoppedEarly, UserError
from lineage.progress import Progress
from lineage.training import state
from lineage.training.engine import Engine, Loss, prepare
from lineage.training.log import LOG, TrainingLog
from lineage.training.modes import no_cache, set_training_mode, training_modes_kept
from lineage.training.observers import Observer, observe
from lineage.training.step import accumulate, apply, global_norm, seed_step
from lineage.training.timing import Due, PhaseTimer, WallClock, peak_memory_bytes

COMPUTING = ("forward", "backward", "optimizer")
"""The phases that are the training itself."""
MOMENT_COPIES = 3
"""Weights and AdamW's two moments: the size of a state in copies of the trainable parameters."""


@dataclass
class TrainingRun:
    """What a run cost; for `run.json` only."""

    resumed_at: int
    """The step that this process began with."""
    steps: int
    """Updates made by this process."""
    tokens: int
    """Tokens read by the model since the run began, earlier processes and segments included."""
    first_step_seconds: float
    """The first update of this process, compilation included."""
    tokens_per_second: float
    """Over all updates but the first, saving and observing left out; 0 with fewer than two updates."""
    seconds: dict[str, float]
    """Wall time by phase: forward, backward, optimizer, other (batches, log, waiting), and outside of steps: observe,
    save."""
    overhead_share: float
    """Share of the time of all steps but the first that is neither forward nor backward nor optimizer."""
    peak_memory_bytes: int
    device: str
    processes: int
    threads: int


def train(
    model: nn.Module,
    *,
    batches: Callable[[int], Batch],
    loss: Loss,
    optimizer: Optimizer,
    schedule: Callable[[int], float],
    first_step: int,
    last_step: int,
    execution: Execution,
    state_dir: Path,
    start: Path | None = None,
    observers: Sequence[Observer] = (),
    describe_step: Callable[[int], str] = "step {}".format,
    tracker_dir: Path | None = None,
    started: float | None = None,
    scored_only: bool = False,
) -> TrainingRun:
    """Makes the updates of steps [first_step, last_step), so that `model` has had `last_step` updates.

    Where `state_dir` holds a state, the run goes on from it; else from `start` (the `state.safetensors` that the
    segment before left behind, with step `first_step`); else from the weights of `model` and empty moments. At the end
    `state_dir` holds `state.safetensors` at `last_step` and `training.jsonl` with a line for each step of the segment.

    Args:
        batches: the whole batch of a step, a pure function; called once a step in every process.
        loss: (outputs, targets) -> Total; its count over the step must be `Batch.count`.
        schedule: learning rate of a step.
        start: resume state to begin with.
        observers: see `Observer`; they measure at each of the steps [first_step, last_step].
        describe_step: what the step reads (documents), for the message about a loss that is not finite.
        tracker_dir: where trackers write; needed if `execution.trackers` is not empty.
        started: `time.monotonic()` when the job began, for the wall limit; default: now.
        scored_only: make logits of positions with a label only; for losses that read `labels` and no other logits.

    Raises:
        StoppedEarly: the wall limit came near; the state is saved.
        UserError: a loss or gradient that is not finite, a corrupt state, a full disk, an execution that cannot be.
    """
    started = time.monotonic() if started is None else started
    engine = prepare(
        model, loss, optimizer=optimizer, execution=execution, tracker_dir=tracker_dir, scored_only=scored_only
    )
    position = _begin(engine, state_dir, start, first_step=first_step, last_step=last_step)
    trainable_bytes = sum(parameter.numel() * parameter.element_size() for parameter in engine.parameters)
    run = _Run(
        engine=engine,
        observers=observers,
        state_dir=state_dir,
        timer=PhaseTimer(engine.accelerator.device),
        clock=WallClock(
            started=started,
            save_minutes=execution.save_minutes,
            minutes=execution.minutes,
            state_bytes=MOMENT_COPIES * trainable_bytes,
        ),
        position=position,
    )
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng())
        stack.enter_context(training_modes_kept(engine.model))
        stack.enter_context(no_cache(engine.model))
        main = engine.accelerator.is_main_process
        if main:
            run.log = stack.enter_context(TrainingLog(state_dir / LOG, begin=first_step, first_step=position.step))
        stack.enter_context(_trackers(engine, optimizer, schedule))
        set_training_mode(engine.model)
        for observer in observers:
            observer.restart(position.step)
        _updates(run, batches, optimizer, schedule, last_step, describe_step, stack)
    return _summary(run, resumed_at=position.step, threads=torch.get_num_threads())


@dataclass
class _Run:
    """What changes while a run goes on."""

    engine: Engine
    observers: Sequence[Observer]
    state_dir: Path
    timer: PhaseTimer
    clock: WallClock
    position: state.Position
    log: TrainingLog | None = None
    step_seconds: list[float] = field(default_factory=list)
    step_tokens: list[int] = field(default_factory=list)
    step_overheads: list[float] = field(default_factory=list)
    _accounted: float = 0.0

    def end_step(self, seconds: float, tokens: int) -> None:
        accounted = sum(self.timer.seconds[phase] for phase in COMPUTING)
        self.step_overheads.append(seconds - (accounted - self._accounted))
        self._accounted = accounted
        self.step_seconds.append(seconds)
        self.step_tokens.append(tokens)

    def observe(self) -> dict[str, float]:
        with self.timer("observe"):
            return observe(self.observers, self.position.step, self.engine.model)

    def save(self) -> None:
        begin = time.monotonic()
        with self.timer("save"):
            for observer in self.observers:
                observer.save()
            if self.log is not None:
                self.log.sync()
            writes = self.engine.accelerator.is_main_process
            state.save(self.state_dir, self.engine.model, self.engine.optimizer, self.position, writes=writes)
            self.engine.accelerator.wait_for_everyone()
        self.clock.saved(time.monotonic() - begin)


class _Result(NamedTuple):
    """What one step gave, as numbers."""

    loss: float
    gradient_norm: float
    due: Due

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


def _updates(
    run: _Run,
    batches: Callable[[int], Batch],
    optimizer: Optimizer,
    schedule: Callable[[int], float],
    last_step: int,
    describe_step: Callable[[int], str],
    stack: ExitStack,
) -> None:
    """Makes all updates that are left, and saves at the end."""
    first = run.position
    main = run.engine.accelerator.is_main_process
    progress = Progress("training", total=last_step, unit="steps", done=first.step) if main else None
    if progress is not None:
        stack.enter_context(progress)
    batch = batches(first.step) if first.step < last_step else None
    measured = run.observe()
    while batch is not None:
        step = run.position.step
        begin = time.perf_counter()
        seed_step(optimizer.seed, step, run.engine.accelerator.process_index)
        if batch.count == 0:
            raise UserError(f"the batch of step {step} has nothing to score: {describe_step(step)}")
        totals = accumulate(run.engine, batch, run.timer)
        upcoming = batches(step + 1) if step + 1 < last_step else None
        result = _read(run, totals, batch)
        if not result.is_finite:
            _keep_last_good(run)
            raise UserError(_not_finite(result, step, describe_step(step), run.state_dir))
        rate = schedule(step)
        apply(run.engine, run.timer, rate=rate, norm=result.gradient_norm, clip_norm=optimizer.clip_norm)
        _report(run, {"loss": result.loss, "learning_rate": rate, "gradient_norm": result.gradient_norm, **measured})
        run.position = state.Position(step + 1, run.position.tokens + batch.tokens)
        run.end_step(time.perf_counter() - begin, batch.tokens)
        if progress is not None:
            progress.advance(note=f"loss {result.loss:.3f}, {batch.tokens / run.step_seconds[-1]:,.0f} tokens/s")
        measured = run.observe()
        if upcoming is not None and (result.due.save or result.due.stop):
            run.save()
            if result.due.stop:
                raise StoppedEarly(f"stopped at step {step + 1} of {last_step}, before the time limit; state is saved")
        batch = upcoming
    if measured:
        _report(run, measured)
    run.save()


def _begin(engine: Engine, state_dir: Path, start: Path | None, *, first_step: int, last_step: int) -> state.Position:
    """Loads the state to go on from, if there is one."""
    saved = state_dir / state.STATE
    source = saved if saved.exists() else start
    if source is None:
        return state.Position(first_step, 0)
    position = state.load(source, engine.model, engine.optimizer)
    allowed = range(first_step, last_step + 1) if source == saved else range(first_step, first_step + 1)
    if position.step not in allowed:
        raise UserError(f"{source}: is at step {position.step}, but steps {first_step} to {last_step} are to be made.")
    return position


def _read(run: _Run, totals: Tensor, batch: Batch) -> _Result:
    """Waits for the device once and agrees over processes: loss, gradient norm, and whether to save or stop."""
    due = run.clock.due()
    accelerator = run.engine.accelerator
    with run.timer("optimizer"):
        norm = global_norm(run.engine.parameters)
    asked = torch.tensor([due.save, due.stop], device=totals.device) * float(accelerator.is_main_process)
    shared = torch.cat([totals, asked.to(totals)])
    if accelerator.num_processes > 1:
        shared = accelerator.reduce(shared, "sum")
    numbers: Tensor = torch.cat([shared, norm.to(totals).reshape(1)])  # pyright: ignore[reportArgumentType]
    loss_sum, count, save, stop, gradient_norm = numbers.tolist()
    run.timer.collect()
    assert count == batch.count, f"the loss scored {count:.0f} items, the batch says {batch.count}"
    return _Result(loss_sum / batch.count, gradient_norm, Due(bool(save), bool(stop)))


def _report(run: _Run, values: Mapping[str, float]) -> None:
    if run.log is not None:
        run.log.write({"step": run.position.step, "tokens": run.position.tokens, **values})
    if run.engine.accelerator.log_with:
        run.engine.accelerator.log(dict(values), step=run.position.step)


def _keep_last_good(run: _Run) -> None:
    """Saves the weights from before the failed step, unless these are what is broken."""
    if all(bool(parameter.detach().isfinite().all()) for parameter in run.engine.parameters):
        run.save()


def _not_finite(result: _Result, step: int, description: str, state_dir: Path) -> str:
    return (
        f"step {step}: loss {result.loss}, gradient norm {result.gradient_norm}: not finite. No update was made.\n"
        f"  The batch: {description}\n"
        f"  The last good state is kept in {state_dir}. Lower `peak_learning_rate` or `clip_norm`, lengthen\n"
        "  `warmup_steps`, or use precision fp32; look at these documents if it happens at the same step again."
    )


@contextmanager
def _trackers(engine: Engine, optimizer: Optimizer, schedule: Callable[[int], float]) -> Iterator[None]:
    accelerator = engine.accelerator
    if accelerator.log_with:
        settings = {key: str(value) for key, value in optimizer.model_dump().items()}
        accelerator.init_trackers("training", config={**settings, "schedule": str(schedule)})
    try:
        yield
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()


def _summary(run: _Run, *, resumed_at: int, threads: int) -> TrainingRun:
    accelerator = run.engine.accelerator
    run.timer.collect()
    warm_seconds = sum(run.step_seconds[1:])
    return TrainingRun(
        resumed_at=resumed_at,
        steps=len(run.step_seconds),
        tokens=run.position.tokens,
        first_step_seconds=run.step_seconds[0] if run.step_seconds else 0.0,
        tokens_per_second=sum(run.step_tokens[1:]) / warm_seconds if warm_seconds else 0.0,
        seconds={**run.timer.seconds, "other": sum(run.step_overheads)},
        overhead_share=sum(run.step_overheads[1:]) / warm_seconds if warm_seconds else 0.0,
        peak_memory_bytes=peak_memory_bytes(accelerator.device),
        device=str(accelerator.device),
        processes=accelerator.num_processes,
        threads=threads,
    )
