"""Supervised tuning on conversations: chat, visual instructions, safety, and any mixture of them."""

from __future__ import annotations

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.tuning import Tuning
from lineage.conversations.batches import ConversationBatches
from lineage.conversations.start import open_conversational, prepare_sets
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
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Makes steps [first_step, last_step) of a run and writes model, chat template, resume state and log.

    `start` is the segment before (weights, moments and step go on), or, at first_step 0, any model (weights only).
    Inputs `conversations` are the sets that `shares` names, by the names of their folders.

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
    model = choose_trainable(opened.model, config.trainable, config.lora, seed=settings.seed)
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
    trained = train_segment(model, batches, next_token, settings, segment, execution=execution, out=out)
    if not out.is_main:
        return
    whole = folded(model)
    save_model(
        whole, out.folder, tokenizer_folder=start.folder, template=opened.renderer.template, images=opened.reading
    )
    dropped = {name: one.dropped for name, one in sets.items()}
    out.counts |= trained | keep_training(out, whole) | {"dropped": dropped}
