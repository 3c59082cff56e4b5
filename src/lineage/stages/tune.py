"""Supervised tuning on conversations: chat, visual instructions, safety, and any mixture of them."""

from __future__ import annotations

import numpy as np

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.tuning import Tuning
from lineage.conversations.batches import ConversationBatches
from lineage.conversations.start import Opened, open_conversational, prepare_sets
from lineage.errors import UserError
from lineage.evaluation.endings import Endings
from lineage.evaluation.items import ITEMS, read_items
from lineage.evaluation.probing import RECORD, Prober, TrajectoryObserver
from lineage.evaluation.reference_curves import PROBES
from lineage.evaluation.reference_probes import (
    ReferenceProbe,
    chosen_items,
    probed_steps,
    reference_probes,
    write_curves,
)
from lineage.losses.next_token import next_token
from lineage.models.vision_language import save_model
from lineage.training.packing import check_document_attention
from lineage.training.parts import choose_trainable, folded
from lineage.training.session import Segment, keep_training, train_segment
from lineage.training.state import STATE


def tune(
    config: Tuning,
    *,
    start: Artifact,
    conversations: list[Artifact],
    prompts: Artifact | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Makes steps [first_step, last_step) of a run and writes model, chat template, resume state and log.

    `start` is the segment before (weights, moments and step go on), or, at first_step 0, any model (weights only).
    Inputs `conversations` are the sets that `shares` names, by the names of their folders. With a prompt set `prompts`
    the log-probabilities of its known texts are followed, into `probes.parquet`: behind steps (first_step, last_step],
    and at step 0 where the run starts.

    Raises:
        UserError: conversations that cannot be used, parts that the model lacks, a loss that is not finite.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "model"
    settings = config.optimization
    opened = open_conversational(start, config.template)
    sets = prepare_sets(
        opened,
        {one.folder.name: one for one in conversations},
        config.shares,
        longest=settings.sequence_length,
        max_dropped_share=config.max_dropped_share,
    )
    if settings.packing:
        check_document_attention(opened.model, vocab_size=len(opened.tokenizer))
    model = choose_trainable(
        opened.model, config.trainable, config.lora, seed=settings.seed, frozen_layers=config.frozen_layers
    )
    batches = ConversationBatches(
        sets,
        config.shares,
        settings,
        steps=config.steps,
        pad_id=opened.pad_id,
        reading=opened.reading,
        processes=execution.processes,
    )
    segment = Segment(
        config.first_step, config.last_step, config.steps, start.path(STATE) if config.first_step > 0 else None
    )
    probes = [] if prompts is None else _probes(opened, prompts, config)
    observers = [_observer(probes, config, out)] if probes else []
    trained = train_segment(
        model,
        batches,
        next_token,
        settings,
        segment,
        execution=execution,
        out=out,
        observers=observers,
        scored_only=True,
    )
    if not out.is_main:
        return
    whole = folded(model)
    save_model(
        whole, out.folder, tokenizer_folder=start.folder, template=opened.renderer.template, images=opened.reading
    )
    if probes:
        out.counts["measurements"] = write_curves(out.state / RECORD, probes, out.path(PROBES))
    dropped = {name: one.dropped for name, one in sets.items()}
    out.counts |= trained | keep_training(out, whole) | {"dropped": dropped}


def _probes(opened: Opened, prompts: Artifact, config: Tuning) -> list[ReferenceProbe]:
    """
    Raises:
        UserError: no item of the prompt set can be followed.
    """
    chosen = chosen_items(read_items(prompts.path(ITEMS)), config.probing)
    if not chosen:
        raise UserError(
            f"{prompts.folder}: holds nothing to follow: no held-out requests of the strata"
            f" {', '.join(config.probing.strata)} with refusals and answers, and no facts.\n"
            "  Name another prompt set in `probed`, or set it to null."
        )
    return reference_probes(Endings(opened.renderer), opened.renderer.prompt_ids, chosen)


def _observer(probes: list[ReferenceProbe], config: Tuning, out: ArtifactWriter) -> TrajectoryObserver:
    """Measures every probe at the steps that are due in this segment; the one before measured where it began."""
    planned = {*probed_steps(config.steps, per_decade=config.probing.per_decade), config.last_step}
    due = [step for step in planned if config.first_step < step <= config.last_step or step == 0 == config.first_step]
    prober = Prober([one.tokens for one in probes], batch_tokens=config.probing.batch_tokens)
    every = {step: np.arange(len(probes)) for step in due}
    return TrajectoryObserver(prober, every, folder=out.state, first_step=0, writes=out.is_main)
