"""Stage 1 of CONTRA: teach a T5 that queries are near the contextual rows of their identifiers' tokens."""

from __future__ import annotations

import torch

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.retrieval_models import TokenContrast
from lineage.errors import UserError
from lineage.losses.identifiers import token_contrast as contrast_in_step
from lineage.losses.identifiers import total_contrast
from lineage.models.decoder import save_decoder
from lineage.models.decoder_heads import QueryHead
from lineage.models.encoder_decoder import open_t5_tokenizer, output_table, with_rows
from lineage.retrieval.examples import read_examples, steps_in_all
from lineage.retrieval.generative import MixedBatches, path_batches, per_token, token_batches
from lineage.retrieval.indexed import open_vocabulary
from lineage.retrieval.vocabulary import open_table
from lineage.training.session import Segment, keep_training, train_segment

_SET = "queries"


def token_contrast(
    config: TokenContrast,
    *,
    start: Artifact,
    vocabulary: Artifact,
    retrieval_set: Artifact,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes the trained T5 with the rows that it was trained against, which never change, resume state and log.

    Raises:
        UserError: artifacts that do not belong together, an execution that would part a batch, a loss not finite.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "model"
    settings, in_step = config.optimization, config.rivals == "base"
    if in_step and (execution.processes > 1 or execution.micro_batch_rows is not None):
        raise UserError(
            f"execution: {execution.processes} processes and micro_batch_rows {execution.micro_batch_rows}, but every"
            " query is compared with the rows of all queries of a step, which must not be parted.\n"
            "  Use one process without micro_batch_rows, or `rivals: total`."
        )
    rows = open_vocabulary(vocabulary, retrieval_set)
    table = torch.from_numpy(open_table(vocabulary.folder, rows).copy())
    model = with_rows(start.folder, table, scale_outputs=False, input_scale=1.0)
    output_table(model).requires_grad_(False)
    tokenizer = open_t5_tokenizer(start.folder)
    read = read_examples(retrieval_set, tokenizer, query_tokens=config.query_tokens, document_tokens=None)
    examples = read.training
    make = path_batches(rows)
    if in_step:
        examples, of_example = per_token(examples, rows)
        make = token_batches(of_example)
    batches = MixedBatches(
        {_SET: examples},
        {_SET: 1.0},
        settings,
        batch_pairs=settings.batch_pairs,
        steps=config.steps,
        make=make,
    )
    loss = contrast_in_step(mask_same_row=config.mask_same_row) if in_step else total_contrast
    segment = Segment(0, config.steps, config.steps)
    trained = train_segment(QueryHead(model), batches, loss, settings, segment, execution=execution, out=out)
    if not out.is_main:
        return
    kept = keep_training(out, model)
    save_decoder(model, out.folder, start.folder)
    out.counts |= trained | kept | {"steps_in_all": config.steps + steps_in_all(start), "rows": rows.num_rows}
