"""Train a bi-encoder: one encoder of queries and documents, with the documents of other queries as negatives."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.dense import BiEncoder, DenseReading
from lineage.config.execution import Execution
from lineage.errors import UserError
from lineage.losses.in_batch import in_batch
from lineage.retrieval import schemas
from lineage.retrieval.bi_encoder import PairBatches, PairScorer
from lineage.retrieval.dense import Reading, TextEncoder, document_text, open_encoder, save_encoder
from lineage.retrieval.tables import read_documents, read_qrels, read_queries
from lineage.training.session import Segment, keep_training, train_segment


def bi_encoder(
    config: BiEncoder, *, start: Artifact, retrieval_set: Artifact, execution: Execution, out: ArtifactWriter
) -> None:
    """Writes a sentence-transformers folder with resume state and log.

    `start` is any encoder, or an encoder-decoder of which the encoder is taken.

    Raises:
        UserError: no training queries, an execution that would part a batch, a folder that is no encoder.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "encoder"
    if execution.processes > 1 or execution.micro_batch_rows is not None:
        raise UserError(
            f"execution: {execution.processes} processes and micro_batch_rows {execution.micro_batch_rows}, but every"
            " query is compared with every document of a step, which must not be parted.\n"
            "  Train the bi-encoder with one process and without micro_batch_rows."
        )
    opened, tokenizer, _ = open_encoder(start.folder, DenseReading(similarity=config.similarity))
    encoder = _narrowed(opened, config)
    batches = _batches(retrieval_set, config, tokenizer)
    segment = Segment(0, config.steps, config.steps)
    scorer = PairScorer(encoder, config.temperature)
    trained = train_segment(scorer, batches, in_batch, config.optimization, segment, execution=execution, out=out)
    if not out.is_main:
        return
    reading = Reading(config.document_tokens, "", "", config.similarity)
    save_encoder(encoder, reading, out.folder, start.folder, temperature=config.temperature)
    out.counts |= trained | keep_training(out, encoder.body) | {"pairs": batches.num_pairs}


def _narrowed(encoder: TextEncoder, config: BiEncoder) -> TextEncoder:
    """Pooled by the mean; a linear map is drawn from the seed."""
    maps: list[nn.Module] = []
    if config.dimension is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.optimization.seed)
            maps = [nn.Linear(encoder.body.config.hidden_size, config.dimension, bias=False)]
    return TextEncoder(encoder.body, maps, pooling="mean", similarity=config.similarity)


def _batches(retrieval_set: Artifact, config: BiEncoder, tokenizer: PreTrainedTokenizerFast) -> PairBatches:
    """Training queries of the set with their relevant documents, synthetic queries included."""
    row: dict[str, int] = {}
    texts: list[str] = []
    for document in read_documents(retrieval_set.path(schemas.DOCUMENTS)):
        row[document.id] = len(texts)
        texts.append(document_text(document.title, document.text))
    queries = read_queries(retrieval_set.path(schemas.QUERIES), ["train"])
    qrels = read_qrels(retrieval_set.path(schemas.QRELS))
    relevant = {
        number: [row[document] for document, grade in qrels.get(query.id, {}).items() if grade > 0]
        for number, query in enumerate(queries)
    }
    if not any(relevant.values()):
        raise UserError(
            f"{retrieval_set.folder}: no training query with a relevant document, so a bi-encoder has nothing to learn."
            "\n  Give the set training queries (`synthetic` makes some), or search with an encoder as it is."
        )
    return PairBatches([query.text for query in queries], texts, relevant, tokenizer, config)
