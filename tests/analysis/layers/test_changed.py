"""What is changed in a model, that nothing else is, and that all of it is put back."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from lineage.analysis.layers.changed import restored, scaled
from lineage.analysis.layers.parts import PROJECTIONS, language_layers
from lineage.analysis.layers.ranges import Range
from lineage.conversations.start import Opened
from lineage.errors import UserError
from tests.analysis.layers import building


def weights(opened: Opened) -> dict[str, torch.Tensor]:
    return {name: one.detach().clone() for name, one in opened.model.named_parameters()}


def of_layer(name: str) -> int | None:
    """The layer of the language model that a parameter stands in."""
    return int(name.partition(".layers.")[2].partition(".")[0]) if "vision" not in name and ".layers." in name else None


@pytest.mark.parametrize("which", ["chat", "seeing"])
def test_every_one_of_the_seven_matrices_is_scaled_and_nothing_else(which: str, chat: Opened, seeing: Opened) -> None:
    opened = {"chat": chat, "seeing": seeing}[which]
    before = weights(opened)
    with scaled(opened.model, Range(1, 3), 1.5):
        during = weights(opened)
    changed = {name for name in before if not torch.equal(before[name], during[name])}
    expected = {
        name
        for name in before
        if of_layer(name) in (1, 2) and any(name.endswith(f"{one}.weight") for one in PROJECTIONS)
    }
    assert len(expected) == 14 and sum(name.endswith("o_proj.weight") for name in expected) == 2
    assert changed == expected
    assert all(torch.equal(during[name], before[name] * 1.5) for name in changed)
    after = weights(opened)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_layers_built_otherwise_are_not_scaled_in_part(tokenizer: PreTrainedTokenizerFast) -> None:
    from lineage.config.pretrain import Architecture
    from lineage.conversations.start import opened
    from lineage.models.decoder import build_decoder

    settings = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    phi = Architecture.model_validate({"model_type": "phi3", "settings": {**settings, "num_key_value_heads": 2}})
    model = opened(build_decoder(phi, tokenizer, seed=0), tokenizer, None, "roles", "phi")
    with pytest.raises(UserError, match="qkv_proj"), scaled(model.model, Range(0, 1), 1.5):
        pass


def test_restored_layers_are_the_donors_and_the_others_are_not(chat: Opened, seeing: Opened) -> None:
    before, donor = weights(seeing), list(language_layers(chat.model))
    with restored(seeing.model, chat.model, Range(1, 3)):
        for number, layer in enumerate(language_layers(seeing.model)):
            theirs = dict(donor[number].named_parameters())
            same = [torch.equal(one, theirs[name]) for name, one in layer.named_parameters() if one.dim() > 1]
            assert all(same) if number in (1, 2) else not any(same)
        during = weights(seeing)
    assert {of_layer(name) for name in before if not torch.equal(before[name], during[name])} == {1, 2}
    assert all(torch.equal(one, before[name]) for name, one in weights(seeing).items())


def test_all_layers_restored_answer_as_the_donor(
    chat: Opened, seeing: Opened, tokenizer: PreTrainedTokenizerFast
) -> None:
    """With the donor's embedding too, which is not part of any layer, the logits are the donor's, bit for bit."""
    twin = building.text_model(tokenizer, seed=1)
    tokens = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode(), restored(twin.model, building.text_model(tokenizer, seed=3).model, Range(0, 4)):
        assert not torch.equal(twin.model(tokens).logits, chat.model(tokens).logits)
    with torch.inference_mode(), restored(twin.model, chat.model, Range(0, 4)):
        assert torch.equal(twin.model(tokens).logits, chat.model(tokens).logits)


def test_a_donor_of_another_shape_is_refused(chat: Opened, tokenizer: PreTrainedTokenizerFast) -> None:
    from lineage.config.pretrain import Architecture
    from lineage.models.decoder import build_decoder

    wider = building.ARCHITECTURE | {"settings": building.ARCHITECTURE["settings"] | {"intermediate_size": 32}}
    other = build_decoder(Architecture.model_validate(wider), tokenizer, seed=0)
    with pytest.raises(UserError, match="built otherwise"), restored(chat.model, other, Range(0, 1)):
        pass
