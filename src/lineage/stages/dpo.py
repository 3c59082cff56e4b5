"""Direct preference optimization on pairs of answers, with text and with pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.tuning import PreferenceTuning
from lineage.conversations.batches import PairBatches, pair_batch
from lineage.conversations.prepared import Prepared
from lineage.conversations.start import Opened, check_context, open_conversational, prepared
from lineage.conversations.table import PREFERENCES, Pair, read_pairs
from lineage.errors import UserError
from lineage.losses.preference import answer_log_probability, preference, preference_margins
from lineage.models.device import device_for
from lineage.models.vision_language import save_model
from lineage.progress import Progress
from lineage.training.parts import choose_trainable, folded
from lineage.training.session import Segment, keep_training, train_segment

REFERENCE = "reference.parquet"
REFERENCE_SCHEMA = pa.schema(
    [
        pa.field("set", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("log_probability", pa.float64(), nullable=False),
    ]
)
"""One row a side of a pair: what the reference model gives its answer and end token, in nats, summed."""

_PAIRS_A_BATCH = 16
_VALIDATION = "validation"


def dpo(
    config: PreferenceTuning,
    *,
    start: Artifact,
    preferences: list[Artifact],
    validation: Artifact | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes the tuned model, `reference.parquet`, resume state and log; `start` is model and reference.

    The reference's log-probabilities are computed once, before the first step, and kept with the resume state: there
    is never a second model in memory.

    Raises:
        UserError: pairs that cannot be used, equal sides, parts that the model lacks, a loss that is not finite.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "model"
    settings = config.optimization
    opened = open_conversational(start, config.template)
    check_context(opened.model, settings.sequence_length)
    asked = {one.folder.name: one for one in preferences} | ({_VALIDATION: validation} if validation else {})
    sets = {name: _prepared(opened, config, artifact) for name, artifact in asked.items()}
    reference = _reference(opened, sets, out.state / REFERENCE, execution)
    model = choose_trainable(opened.model, config.trainable, config.lora, seed=settings.seed)
    batches = PairBatches(
        sets,
        config.shares,
        settings,
        reference=reference,
        steps=config.steps,
        pad_id=opened.pad_id,
        reading=opened.reading,
    )
    observers = [PairObserver(opened, sets[_VALIDATION], reference[_VALIDATION], config)] if validation else []
    trained = train_segment(
        model,
        batches,
        preference(config.beta),
        settings,
        Segment(0, config.steps, config.steps),
        execution=execution,
        out=out,
        observers=observers,
    )
    if not out.is_main:
        return
    whole = folded(model)
    save_model(
        whole, out.folder, tokenizer_folder=start.folder, template=opened.renderer.template, images=opened.reading
    )
    out.path(REFERENCE).write_bytes((out.state / REFERENCE).read_bytes())
    dropped = {name: one.dropped for name, one in sets.items()}
    out.counts |= trained | keep_training(out, whole) | {"dropped": dropped}


def _prepared(opened: Opened, config: PreferenceTuning, artifact: Artifact) -> Prepared:
    """Both sides of pair k at 2k and 2k + 1."""
    place = str(artifact.folder)
    pairs = read_pairs(artifact.path(PREFERENCES))
    for pair in pairs:
        _check_sides(pair, place)
    sides = [side for pair in pairs for side in (pair.chosen, pair.rejected)]
    longest, allowed = config.optimization.sequence_length, config.max_dropped_share
    whole = prepared(opened, sides, longest, allowed, place=place)
    if not whole.dropped:
        return whole
    kept = {one.id for one in whole.rendered}
    both = [pair for pair in pairs if pair.chosen.id in kept and pair.rejected.id in kept]
    again = prepared(opened, [side for pair in both for side in (pair.chosen, pair.rejected)], longest, 0, place=place)
    return Prepared(again.rendered, again.images, whole.dropped)


def _check_sides(pair: Pair, place: str) -> None:
    chosen, rejected = (one.messages[-1]["content"].strip() for one in (pair.chosen, pair.rejected))
    if chosen == rejected:
        raise UserError(
            f"{place}, {pair.chosen.id}: both answers of the pair are {chosen[:60]!r}, so nothing can be preferred."
            "\n  Remove the pair from the data, or read it with `drop_equal: true`."
        )


def _reference(opened: Opened, sets: Mapping[str, Prepared], path: Path, execution: Execution) -> dict[str, Tensor]:
    """{set: [side] log-probability of the answer under the model as it is}, from `path` if a run before made it."""
    if not path.exists():
        device = device_for(execution)
        opened.model.to(device)  # pyright: ignore[reportArgumentType]
        rows = []
        for name, one in sets.items():
            values = log_probabilities(opened, opened.model, one, device=device)
            rows += [
                {"set": name, "id": side.id, "log_probability": value}
                for side, value in zip(one.rendered, values.tolist(), strict=True)
            ]
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        pq.write_table(pa.Table.from_pylist(rows, schema=REFERENCE_SCHEMA), partial)
        partial.replace(path)
    found: dict[str, list[float]] = {name: [] for name in sets}
    for row in pq.read_table(path).to_pylist():
        found[row["set"]].append(row["log_probability"])
    return {name: torch.tensor(values, dtype=torch.float32) for name, values in found.items()}


@torch.no_grad()
def log_probabilities(opened: Opened, model: nn.Module, sides: Prepared, *, device: torch.device) -> Tensor:
    """[side] float32: nats that the model, in eval mode, gives each answer and its end, summed."""
    was_training = model.training
    model.eval()
    found: list[Tensor] = []
    numbers = range(0, len(sides), 2 * _PAIRS_A_BATCH)
    with Progress("log-probabilities", total=len(sides), unit="answers") as progress:
        for first in numbers:
            rows = list(range(first, min(first + 2 * _PAIRS_A_BATCH, len(sides))))
            found.append(_answers_scored(opened, model, sides, rows, device))
            progress.advance(len(rows))
    model.train(was_training)
    return torch.cat(found)


def _answers_scored(
    opened: Opened, model: nn.Module, sides: Prepared, rows: Sequence[int], device: torch.device
) -> Tensor:
    nothing = {"": torch.zeros(len(sides))}
    batch = pair_batch({"": sides}, nothing, [("", row) for row in rows], pad_id=opened.pad_id, reading=opened.reading)
    inputs = {name: tensor.to(device) for name, tensor in batch.inputs.items()}
    inputs |= {name: one.values.to(device) for name, one in batch.attached.items()}
    logits = model(**inputs, use_cache=False).logits
    return answer_log_probability(logits, batch.targets["labels"].to(device)).float().cpu()


class PairObserver:
    """How the model and its reference differ on validation pairs; a pure function of the weights."""

    def __init__(self, opened: Opened, sides: Prepared, reference: Tensor, config: PreferenceTuning):
        self._opened, self._sides, self._reference = opened, sides, reference
        self._beta, self._every, self._last = config.beta, config.measure_every, config.steps

    def restart(self, step: int) -> None:
        """Nothing is recorded here: what is measured goes into training.jsonl."""

    def wants(self, step: int) -> bool:
        """Every so many steps, and at the end."""
        return step % self._every == 0 or step == self._last

    def observe(self, step: int, model: nn.Module) -> Mapping[str, float]:
        """`pair_accuracy`, `reward_margin` (beta times the margin), mean nats of chosen and rejected answers, and how
        many nats per answer token the model has moved away from its reference on the chosen ones."""
        device = next(model.parameters()).device
        values = log_probabilities(self._opened, model, self._sides, device=device)
        margins = preference_margins(values, self._reference)
        raw = values.unflatten(0, (-1, 2))
        lengths = torch.tensor([one.num_learned for one in self._sides.rendered]).unflatten(0, (-1, 2))
        moved = (values - self._reference).unflatten(0, (-1, 2))[:, 0] / lengths[:, 0]
        return {
            "pair_accuracy": float(((margins > 0) + 0.5 * (margins == 0)).float().mean()),
            "likelier_chosen": float((raw[:, 0] > raw[:, 1]).float().mean()),
            "reward_margin": self._beta * float(margins.mean()),
            "chosen_log_probability": float(raw[:, 0].mean()),
            "rejected_log_probability": float(raw[:, 1].mean()),
            "moved_per_token": float(moved.mean()),
        }

    def save(self) -> None:
        """Nothing to put on the disk."""
