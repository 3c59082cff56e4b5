"""Train a small CLIP pair on pictures with captions; its vision half is what language models see with."""

from __future__ import annotations

import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, PreTrainedTokenizerFast

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.tuning import ContrastiveTower
from lineage.conversations.batches import CaptionBatches
from lineage.conversations.conversation import Conversation
from lineage.conversations.prepared import check_images
from lineage.conversations.table import CONVERSATIONS, read_conversations
from lineage.errors import UserError
from lineage.losses.contrastive import contrastive
from lineage.models.decoder import open_tokenizer, save_decoder
from lineage.models.vision_language import ImageReading
from lineage.training.session import Segment, keep_training, train_segment

PARTS_OF_WIDTH = 4
"""Width of the feed-forward layers over that of the model."""


def tower(
    config: ContrastiveTower,
    *,
    conversations: list[Artifact],
    tokenizer: Artifact,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes a CLIP folder with its image processor, resume state and log.

    Inputs `conversations` hold pictures, one a row, whose last turn is a caption.

    Raises:
        UserError: rows without exactly one picture, an execution that would part a batch.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "tower"
    settings = config.optimization
    if execution.processes > 1 or execution.micro_batch_rows is not None:
        raise UserError(
            f"execution: {execution.processes} processes and micro_batch_rows {execution.micro_batch_rows}, but every"
            " picture is compared with every caption of a step, which must not be parted.\n"
            "  Train the tower with one process and without micro_batch_rows."
        )
    text_tokenizer = open_tokenizer(tokenizer.folder)
    captions, pictures = _captioned(conversations)
    size = {"height": config.image_size, "width": config.image_size}
    processor = CLIPImageProcessorPil(size=size, crop_size=size, do_center_crop=False)
    reading = ImageReading(processor, "", 0)
    model = _built(config, text_tokenizer)
    batches = CaptionBatches(captions, pictures, text_tokenizer, reading, settings, steps=config.steps)
    segment = Segment(0, config.steps, config.steps)
    trained = train_segment(model, batches, contrastive, settings, segment, execution=execution, out=out)
    if not out.is_main:
        return
    save_decoder(model, out.folder, tokenizer.folder)
    processor.save_pretrained(out.folder)
    out.counts |= trained | keep_training(out, model) | {"pictures": len(pictures)}


def _captioned(artifacts: list[Artifact]) -> tuple[list[str], list[bytes]]:
    captions: list[str] = []
    pictures: list[bytes] = []
    for artifact in artifacts:
        read = read_conversations(artifact.path(CONVERSATIONS))
        check_images([one.images for one in read], [one.id for one in read], place=str(artifact.folder))
        for one in read:
            captions.append(_caption(one, str(artifact.folder)))
            pictures.append(one.images[0])
    return captions, pictures


def _caption(one: Conversation, place: str) -> str:
    if len(one.images) != 1 or one.messages[-1]["role"] != "assistant":
        raise UserError(
            f"{place}, conversation {one.id}: {len(one.images)} pictures, last turn by {one.messages[-1]['role']};"
            " a tower learns from one picture with its caption as the assistant's turn."
        )
    return one.messages[-1]["content"]


def _built(config: ContrastiveTower, tokenizer: PreTrainedTokenizerFast) -> CLIPModel:
    half = {
        "hidden_size": config.hidden_size,
        "intermediate_size": PARTS_OF_WIDTH * config.hidden_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "projection_dim": config.projection_size,
    }
    text = half | {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": config.optimization.sequence_length,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = half | {"image_size": config.image_size, "patch_size": config.patch_size}
    built = CLIPConfig(text_config=text, vision_config=vision, projection_dim=config.projection_size)
    with torch.random.fork_rng():
        torch.manual_seed(config.optimization.seed)
        return CLIPModel(built)
