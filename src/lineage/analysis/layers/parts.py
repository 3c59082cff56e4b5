"""The layers of a language model, alone or inside a vision-language model, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from transformers import PreTrainedModel

from lineage.errors import UserError

PROJECTIONS = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)
"""The seven matrices of a layer."""


def language_layers(model: PreTrainedModel) -> nn.ModuleList:
    """The blocks of the language model, from the first; the tower's are none of them.

    Raises:
        UserError: the model has no list of layers.
    """
    layers = getattr(model.get_decoder(), "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise UserError(
            f"{type(model).__name__} keeps its layers in no list `layers`: analyses by layer cannot read it."
        )
    return layers


def projections(layer: nn.Module) -> Mapping[str, nn.Linear]:
    """The seven matrices by name.

    Raises:
        UserError: a layer that is not built as Llama's.
    """
    found = {name: one for name, one in layer.named_modules() if isinstance(one, nn.Linear)}
    if set(found) != set(PROJECTIONS):
        raise UserError(
            f"a layer of type {type(layer).__name__} has the matrices {', '.join(sorted(found))}, but scaling needs"
            f" the seven of Llama's kind: {', '.join(PROJECTIONS)}.\n  Leave `scaling` out (null)."
        )
    return {name: found[name] for name in PROJECTIONS}


def residual(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """[row, token, hidden] what a layer hands on; some return it in a tuple."""
    return output[0] if isinstance(output, tuple) else output
