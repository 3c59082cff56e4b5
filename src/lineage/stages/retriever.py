"""Train a generative retriever: it reads a query and writes the rows of the identifier of a document."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.retrieval_models import DecoderTable, Retriever
from lineage.losses.identifiers import identifier_rows
from lineage.models.decoder import save_decoder
from lineage.models.decoder_heads import IdentifierHead
from lineage.models.encoder_decoder import ContextualT5, open_t5, open_t5_tokenizer, output_table, with_rows
from lineage.retrieval.examples import read_examples, steps_in_all
from lineage.retrieval.generative import MixedBatches, ValidationObserver, identifier_batches
from lineage.retrieval.indexed import open_vocabulary
from lineage.retrieval.renewal import renew_rows, renewed_state
from lineage.retrieval.schemas import DOCUMENTS
from lineage.retrieval.titles import Context, read_titles
from lineage.retrieval.vocabulary import Vocabulary, open_table
from lineage.training.session import Segment, keep_training, train_segment
from lineage.training.state import STATE


def retriever(
    config: Retriever,
    *,
    start: Artifact,
    vocabulary: Artifact | None,
    retrieval_set: Artifact,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Makes steps [first_step, last_step) of a run and writes model, vocabulary, resume state and log.

    `start` is any T5 at first_step 0 (weights only), else the segment before. Where that one had another `vocabulary`,
    its rows are replaced: targets become the new paths, and the moments of a trained table begin anew. Without
    `vocabulary` the decoder keeps the tokens of the T5.

    Raises:
        UserError: artifacts that do not belong together, nothing to learn from, a loss that is not finite.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "retriever"
    assert (vocabulary is None) == (config.decoder is None), "contextual rows need both a vocabulary and its settings"
    settings, share = config.optimization, config.document_share
    tokenizer = open_t5_tokenizer(start.folder)
    state = start.path(STATE) if config.first_step else None
    if vocabulary is None or config.decoder is None:
        model = open_t5(start.folder)
        titles = read_titles(retrieval_set.path(DOCUMENTS), tokenizer, Context(0, 0))
        paths = [titles.tokens(document).tolist() for document in range(titles.num_documents)]
        rows = Vocabulary.ordinary(len(output_table(model)), paths)
    else:
        rows = open_vocabulary(vocabulary, retrieval_set)
        model, state = _contextual(config, config.decoder, start, vocabulary, rows, state, out.state)
    longest = config.document_tokens if share else None
    examples = read_examples(retrieval_set, tokenizer, query_tokens=config.query_tokens, document_tokens=longest)
    batches = MixedBatches(
        {"queries": examples.training, "documents": examples.documents},
        {"queries": 1 - share, "documents": share},
        settings,
        batch_pairs=settings.batch_pairs,
        steps=config.steps,
        make=identifier_batches(rows),
    )
    observer = ValidationObserver(examples.validation, rows, every=config.measure_every, last=config.steps)
    trained = train_segment(
        IdentifierHead(model),
        batches,
        identifier_rows,
        settings,
        Segment(config.first_step, config.last_step, config.steps, state),
        execution=execution,
        out=out,
        observers=[observer],
    )
    if not out.is_main:
        return
    kept = keep_training(out, model)
    save_decoder(model, out.folder, start.folder)
    rows.save(out.folder)
    steps = config.last_step - config.first_step + steps_in_all(start)
    out.counts |= trained | kept | {"steps_in_all": steps, "rows": rows.num_rows, "documents": rows.num_documents}


def _contextual(
    config: Retriever,
    decoder: DecoderTable,
    start: Artifact,
    vocabulary: Artifact,
    rows: Vocabulary,
    state: Path | None,
    state_dir: Path,
) -> tuple[T5ForConditionalGeneration, Path | None]:
    """The model that reads and writes these rows, and the state that it goes on from."""
    table = torch.from_numpy(open_table(vocabulary.folder, rows).copy())
    trainable = decoder.table == "trainable"
    if state is None:
        scale = None if decoder.input_scale == "match" else decoder.input_scale
        model = with_rows(start.folder, table, scale_outputs=decoder.scales_logits, input_scale=scale)
        output_table(model).requires_grad_(trainable)
        return model, None
    model = open_t5(start.folder)
    assert isinstance(model, ContextualT5)
    output_table(model).requires_grad_(trainable)
    if start.manifest.inputs["vocabulary"] == vocabulary.digest:
        return model, state
    if trainable:
        own = state_dir / f"start-{os.environ.get('RANK', '0')}"  # every process writes and reads one of its own
        state = renewed_state(state, model, table, config.optimization, own)
    renew_rows(model, table)
    return model, state
