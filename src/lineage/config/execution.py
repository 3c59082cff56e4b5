"""Where, how fast and how long a stage runs: never what it computes, so nothing here makes anything stale."""

from typing import Annotated, Literal

from pydantic import Field

from lineage.config.base import Frozen


class Execution(Frozen):
    """Recorded in `run.json`, never part of a spec. Other devices or thread counts round otherwise, nothing else."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """`auto` takes a GPU where the profile grants one (`--resources gpu=1`) and the CPU otherwise."""
    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs granted to the job; set by the workflow from its resources."""
    threads: Annotated[int, Field(ge=1)] = 2
    """CPU threads of a job that pretrains; every other job takes one, but for `side_threads`."""
    side_threads: Annotated[int, Field(ge=1)] = 1
    """CPU threads of a job of which several run side by side: runs of the knowledge study, tuning after pretraining."""
    processes: Annotated[int, Field(ge=1)] = 1
    """Data-parallel processes of a training job (torchrun)."""
    micro_batch_rows: Annotated[int, Field(ge=1)] | None = None
    """Rows of one forward pass; None takes the whole share of a process at once. Smaller values need less memory."""
    save_minutes: Annotated[float, Field(gt=0)] = 5.0
    """Minutes between two saves of resume state."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Wall-clock limit of a job in minutes; a training stage saves and stops before it. None: no limit."""
    compile: bool = False
    """Compile the model with `torch.compile` (pays off in long runs)."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    trackers: list[Literal["tensorboard", "wandb"]] = []
    """Live trackers, through accelerate; their files go to `results/<experiment>/trackers/`."""
