"""Build a small T5 and teach it the documents by span corruption, for retrievers to start from."""

from __future__ import annotations

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.retrieval_models import T5Pretraining
from lineage.losses.identifiers import identifier_rows
from lineage.models.decoder import model_facts, save_decoder
from lineage.models.decoder_heads import IdentifierHead
from lineage.models.encoder_decoder import build_t5, open_t5_tokenizer
from lineage.retrieval.corruption import CorruptedBatches, read_documents, sentinels
from lineage.retrieval.schemas import DOCUMENTS
from lineage.training.session import Segment, keep_training, train_segment


def pretrain_t5(
    config: T5Pretraining, *, retrieval_set: Artifact, tokenizer: Artifact, execution: Execution, out: ArtifactWriter
) -> None:
    """Writes a Hugging Face folder with its tokenizer and, if it was trained, resume state and log.

    Raises:
        UserError: a tokenizer that is no T5's, no document to read, a loss that is not finite.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "model"
    text_tokenizer = open_t5_tokenizer(tokenizer.folder)
    model = build_t5(config.architecture, text_tokenizer, seed=config.optimization.seed)
    trained, kept = {}, {}
    if config.steps:
        batches = CorruptedBatches(
            read_documents(retrieval_set.path(DOCUMENTS), text_tokenizer), config, sentinels(text_tokenizer)
        )
        segment = Segment(0, config.steps, config.steps)
        trained = train_segment(
            IdentifierHead(model),
            batches,
            identifier_rows,
            config.optimization,
            segment,
            execution=execution,
            out=out,
        )
    if not out.is_main:
        return
    if config.steps:
        kept = keep_training(out, model)
    save_decoder(model, out.folder, tokenizer.folder)
    out.counts |= trained | kept | model_facts(model) | {"steps_in_all": config.steps}
