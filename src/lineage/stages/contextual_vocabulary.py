"""Read every identifier with its document, and make rows of a decoder vocabulary of what the encoder says."""

from __future__ import annotations

from typing import Any

import numpy as np

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.retrieval_models import ContextualVocabulary
from lineage.models.device import device_for
from lineage.models.encoder_decoder import open_t5, open_t5_tokenizer
from lineage.retrieval.examples import steps_in_all
from lineage.retrieval.occurrences import Occurrences, StateFiles, encode_titles
from lineage.retrieval.rows import contextual, control, write_rows
from lineage.retrieval.schemas import DOCUMENTS
from lineage.retrieval.titles import Context, Titles, read_titles
from lineage.retrieval.vocabulary import Vocabulary

_BATCH_TOKENS = 16384


def contextual_vocabulary(
    config: ContextualVocabulary,
    *,
    encoder: Artifact,
    retrieval_set: Artifact,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes the table, its groups and the path of each document.

    `encoder` is any T5: pretrained, contrastively trained, or a retriever whose vocabulary is renewed.

    Raises:
        UserError: no T5, a document without identifier, or an identifier that cannot be read with its text.
    """
    out.kind = "vocabulary"
    tokenizer = open_t5_tokenizer(encoder.folder)
    model = open_t5(encoder.folder, writes=False)
    context = Context(config.paragraphs, config.max_tokens)
    path = retrieval_set.path(DOCUMENTS)
    titles = read_titles(path, tokenizer, context)
    occurrences = Occurrences.of(titles)
    width = model.config.d_model
    out.reserve(4 * width * occurrences.num_states)
    files = StateFiles(out.state / "states", occurrences, width)
    device = device_for(execution)
    encoder_half = model.encoder
    encoder_half.to(device)  # pyright: ignore[reportArgumentType]
    encode_titles(
        encoder_half,
        tokenizer,
        path,
        titles,
        occurrences,
        context,
        files,
        batch_tokens=_BATCH_TOKENS,
        save_minutes=execution.save_minutes,
    )
    table, group_first, row = write_rows(
        out.folder,
        files.shards(),
        clusters=None if config.clusters == "all" else config.clusters,
        settings=config.clustering,
        device=device,
    )
    row = control(config.assignment, table, row, occurrences.group_first, config.clustering.seed)
    vocabulary = contextual(titles, occurrences, group_first, row)
    vocabulary.save(out.folder)
    out.counts |= _counts(titles, occurrences, vocabulary) | {"encoder_steps": steps_in_all(encoder)}


def _counts(titles: Titles, occurrences: Occurrences, vocabulary: Vocabulary) -> dict[str, Any]:
    sizes = np.diff(titles.first)
    return {
        "documents": titles.num_documents,
        "distinct_inputs": len(np.unique(titles.source)),
        "occurrences": len(titles.token),
        "states": occurrences.num_states,
        "groups": vocabulary.num_groups,
        "rows": vocabulary.num_rows,
        "longest_identifier": int(sizes.max()),
    }
