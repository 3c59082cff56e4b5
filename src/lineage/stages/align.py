"""Stage 1 of a vision-language adaptation: decoder, frozen tower, and a projector that alone learns from captions."""

from __future__ import annotations

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.tuning import Alignment, Lora
from lineage.conversations.batches import ConversationBatches
from lineage.conversations.start import opened, prepare_sets
from lineage.losses.next_token import next_token
from lineage.models.decoder import check_vocabulary, open_decoder, open_tokenizer
from lineage.models.vision_language import assemble, open_image_processor, open_tower, reading_of_tower, save_model
from lineage.training.packing import check_document_attention
from lineage.training.parts import choose_trainable
from lineage.training.session import Segment, keep_training, train_segment


def align(
    config: Alignment,
    *,
    start: Artifact,
    tower: Artifact,
    conversations: list[Artifact],
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes a vision-language model whose language model and tower are those of `start` and `tower`, bit for bit.

    Raises:
        UserError: captions that cannot be used, a tokenizer without image token, a tower that does not fit.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "model"
    settings = config.optimization
    decoder, tokenizer = open_decoder(start.folder), open_tokenizer(start.folder)
    check_vocabulary(decoder, tokenizer, place=str(start.folder))
    seeing = assemble(
        decoder,
        open_tower(tower.folder),
        tokenizer,
        feature_layer=config.feature_layer,
        feature_select=config.feature_select,
        seed=settings.seed,
    )
    reading = reading_of_tower(seeing, open_image_processor(tower.folder), tokenizer)
    ready = opened(seeing, tokenizer, reading, "plain", str(start.folder), config.caption_end)
    sets = prepare_sets(
        ready,
        {one.folder.name: one for one in conversations},
        config.shares,
        longest=settings.sequence_length,
        max_dropped_share=config.max_dropped_share,
    )
    if settings.packing:
        check_document_attention(seeing, vocab_size=len(tokenizer))
    model = choose_trainable(seeing, "projector", Lora(), seed=settings.seed)
    batches = ConversationBatches(
        sets,
        config.shares,
        settings,
        steps=config.steps,
        pad_id=ready.pad_id,
        reading=reading,
        processes=execution.processes,
    )
    segment = Segment(0, config.steps, config.steps)
    trained = train_segment(
        model, batches, next_token, settings, segment, execution=execution, out=out, scored_only=True
    )
    if not out.is_main:
        return
    kept = tokenizer.chat_template
    save_model(
        seeing,
        out.folder,
        tokenizer_folder=start.folder,
        template=kept if isinstance(kept, str) else None,
        images=reading,
    )
    dropped = {name: one.dropped for name, one in sets.items()}
    out.counts |= trained | keep_training(out, seeing) | {"dropped": dropped}
