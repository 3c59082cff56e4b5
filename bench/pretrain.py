"""Tokens/s of the training loop beside `transformers.Trainer`: same model, data, batches and precision, in one run.

    python bench/pretrain.py [--sizes 1M 5M] [--steps 12] [--rounds 3] [--attention document] [--device cpu]

First both make the same updates and their loss curves must agree. Then they take turns (Trainer, ours, ours, Trainer,
...) and the median time of a step counts. Trainer logs once a run and reads rows that are ready in memory; ours builds
its batches from the token stream, logs every step and checks that loss and gradient are finite.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp(prefix="lineage-bench-")  # compile seconds from a cold cache

import numpy as np
import torch
import transformers
from torch.utils.data import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

from lineage.config.execution import Execution
from lineage.config.training import Optimization
from lineage.data.batch import Batch, pack
from lineage.data.order import Order, TokenStream
from lineage.losses.next_token import next_token
from lineage.training.loop import TrainingRun, train

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
WARMUP_STEPS = 3
"""Steps at the start of a run that are not timed: allocation, compilation."""
CURVE_TOLERANCE = 2e-4
"""Largest relative difference of the two loss curves in float32: rounding of two orders of summation."""

SIZES: dict[str, dict[str, Any]] = {
    "1M": {"vocab_size": 2048, "hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 4},
    "5M": {"vocab_size": 4096, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 5},
    "85M": {"vocab_size": 8192, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 11},
}


def build(size: str) -> LlamaForCausalLM:
    """The same weights every time."""
    torch.manual_seed(0)
    shape = SIZES[size]
    heads = max(4, shape["hidden_size"] // 64)
    config = LlamaConfig(**shape, num_attention_heads=heads, tie_word_embeddings=True, max_position_embeddings=4096)
    config.use_cache = False
    return LlamaForCausalLM(config)


def stream(vocabulary: int, tokens: int) -> TokenStream:
    """Documents of 20 to 400 tokens with frequencies as in text (Zipf)."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(20, 400, max(tokens // 210, 2))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    drawn = np.minimum(generator.zipf(1.3, offsets[-1]) + 1, vocabulary - 1)
    return TokenStream(drawn.astype(np.uint16), offsets)


class Rows(Dataset):
    """The rows of the first steps, one after the other, ready in memory."""

    def __init__(self, batches: list[Batch]):
        inputs = {name: torch.cat([batch.inputs[name] for batch in batches]) for name in batches[0].inputs}
        labels = torch.cat([batch.targets["labels"] for batch in batches])
        self.columns = {**inputs, "labels": labels, "shift_labels": labels}

    def __len__(self) -> int:
        return len(self.columns["labels"])

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {name: column[row] for name, column in self.columns.items()}


class Stopwatch(TrainerCallback):
    """When each step ended."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.stamps: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.stamps.append(self.clock())


class Bench:
    """Both contestants on one model size."""

    def __init__(self, size: str, arguments: argparse.Namespace):
        self.size = size
        self.clock = CLOCKS[arguments.clock]
        self.steps: int = arguments.steps + WARMUP_STEPS
        self.optimization = Optimization(
            batch_tokens=arguments.batch_tokens,
            sequence_length=arguments.sequence_length,
            attention=arguments.attention,
            precision=arguments.precision,
            schedule="constant",
            peak_learning_rate=1e-3,
        )
        self.execution = Execution(device=arguments.device, threads=arguments.threads)
        order = Order(
            stream(SIZES[size]["vocab_size"], 20 * self.optimization.batch_tokens),
            sequence_length=self.optimization.sequence_length,
            batch_rows=self.optimization.batch_rows,
            seed=0,
        )
        self.batches: Callable[[int], Batch] = lambda step: pack(order.rows(step), self.optimization.attention)
        self.rows = Rows([self.batches(step) for step in range(self.steps)])

    def ours(self, *, compiled: bool) -> tuple[list[float], list[float], TrainingRun]:
        """Seconds of each step after warm-up, loss curve, and what the loop says of itself."""
        stamps: list[float] = []

        def stamped(step: int) -> Batch:
            stamps.append(self.clock())
            return self.batches(step)

        with tempfile.TemporaryDirectory() as folder:
            run = train(
                build(self.size),
                batches=stamped,
                loss=next_token,
                optimizer=self.optimization,
                schedule=lambda step: self.optimization.peak_learning_rate,
                first_step=0,
                last_step=self.steps,
                execution=self.execution.model_copy(update={"compile": compiled}),
                state_dir=Path(folder),
            )
            losses = [_loss(line) for line in (Path(folder) / "training.jsonl").read_text().splitlines()]
        return np.diff(stamps)[WARMUP_STEPS:].tolist(), losses, run

    def trainer(self, *, compiled: bool = False, log_every_step: bool = False) -> tuple[list[float], list[float]]:
        """Seconds of each step after warm-up, and the loss curve if it was asked to log it."""
        torch.set_num_threads(self.execution.threads)
        config, watch = self.optimization, Stopwatch(self.clock)
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=config.batch_rows,
                max_steps=self.steps,
                learning_rate=config.peak_learning_rate,
                lr_scheduler_type="constant",
                weight_decay=config.weight_decay,
                adam_beta1=config.betas[0],
                adam_beta2=config.betas[1],
                max_grad_norm=config.clip_norm or 0.0,
                optim="adamw_torch_fused",
                bf16=config.precision == "bf16",
                use_cpu=self.execution.device == "cpu",
                torch_compile=compiled,
                train_sampling_strategy="sequential",
                remove_unused_columns=False,  # `shift_labels` must reach the loss
                logging_steps=1 if log_every_step else self.steps,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
            )
            trainer = Trainer(build(self.size), arguments, train_dataset=self.rows, callbacks=[watch])
            trainer.remove_callback(transformers.PrinterCallback)
            trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry] if log_every_step else []
        return np.diff(watch.stamps)[WARMUP_STEPS - 1 :].tolist(), losses


def main() -> None:
    """Prints one table a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=["1M", "5M"])
    parser.add_argument("--steps", type=int, default=12, help="timed steps a run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contestant")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--sequence-length", type=int, default=256)
    parser.add_argument("--attention", choices=["document", "row"], default="document")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock", choices=list(CLOCKS), default="wall", help="cpu: CPU seconds, for one thread on a busy machine"
    )
    parser.add_argument("--compiled-trainer", action="store_true", help="also time Trainer with torch_compile")
    arguments = parser.parse_args()
    device = torch.cuda.get_device_name() if arguments.device == "gpu" else f"{platform.machine()} CPU"
    print(
        f"{device}, {arguments.threads} threads, torch {torch.__version__}, transformers {transformers.__version__};"
        f" {arguments.batch_tokens} tokens a step in rows of {arguments.sequence_length},"
        f" {arguments.attention} attention,"
        f" {arguments.precision}, {arguments.clock} seconds"
    )
    for size in arguments.sizes:
        compare(Bench(size, arguments), arguments)


def compare(bench: Bench, arguments: argparse.Namespace) -> None:
    """Checks the curves, takes the times, prints the table."""
    check_curves(bench, arguments.precision)
    seconds: dict[str, list[float]] = {}
    shares: dict[str, float] = {}
    compile_seconds = 0.0
    names = ["Trainer", "ours", "ours compiled", *(["Trainer compiled"] if arguments.compiled_trainer else [])]
    for turn in range(arguments.rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            torch.compiler.reset()
            compiled = name.endswith("compiled")
            if name.startswith("Trainer"):
                times, _ = bench.trainer(compiled=compiled)
            else:
                times, _, run = bench.ours(compiled=compiled)
                shares[name] = run.overhead_share
                if compiled:
                    compile_seconds = max(compile_seconds, run.first_step_seconds)  # the first turn has a cold cache
            seconds.setdefault(name, []).extend(times)
    parameters = sum(parameter.numel() for parameter in build(bench.size).parameters())
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"\n{bench.size}: {parameters:,} parameters")
    print(f"{'':18}{'tokens/s':>10}{'ratio':>8}{'quartiles of a step, ms':>26}{'outside fwd/bwd/opt':>22}")
    for name, median in medians.items():
        low, _, high = statistics.quantiles(seconds[name], n=4)
        share = f"{shares[name]:.1%}" if name in shares else ""
        rate, ratio = bench.optimization.batch_tokens / median, medians["Trainer"] / median
        print(f"{name:18}{rate:>10,.0f}{ratio:>8.2f}{f'{1e3 * low:.0f} - {1e3 * high:.0f}':>26}{share:>22}")
    saved = medians["ours"] - medians["ours compiled"]
    break_even = f"pays off after step {compile_seconds / saved:,.0f}" if saved > 0 else "never pays off"
    print(f"torch.compile: first step {compile_seconds:.1f} s from a cold cache, {break_even}")


def check_curves(bench: Bench, precision: str) -> None:
    """Stops the bench unless both contestants made the same updates."""
    _, reference = bench.trainer(log_every_step=True)
    _, losses, _ = bench.ours(compiled=False)
    tolerance = CURVE_TOLERANCE if precision == "fp32" else 100 * CURVE_TOLERANCE
    difference = max(abs(a - b) / b for a, b in zip(losses, reference, strict=True))
    if not difference < tolerance:
        raise SystemExit(f"{bench.size}: the loss curves differ by {difference:.2g}: not the same training")
    print(f"\n{bench.size}: loss {losses[0]:.4f} to {losses[-1]:.4f}, curves agree within {difference:.1e}")


def _loss(line: str) -> float:
    return json.loads(line)["loss"]


if __name__ == "__main__":
    main()
