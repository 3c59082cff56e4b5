"""Documents in one row do not see each other: positions restart, attention is block-diagonal."""

import numpy as np
import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM

from lineage.data.batch import pack
from lineage.data.order import Rows
from lineage.errors import UserError
from lineage.training.modes import no_cache
from lineage.training.packing import check_document_attention
from tests.training.tiny import VOCABULARY, gpt2, llama

MODELS = {"rotary positions": llama, "absolute positions": gpt2}
LENGTHS = (5, 1, 7, 3)


def packed(seed: int = 0):
    tokens = torch.randint(0, VOCABULARY, (1, sum(LENGTHS) + 1), generator=torch.Generator().manual_seed(seed)).numpy()
    occurrence = np.repeat(np.arange(5), (*LENGTHS, 1))[None]
    return pack(Rows(tokens, occurrence), "document")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_logits_of_a_packed_document_are_those_of_the_document_alone(name: str, implementation: str):
    model = MODELS[name]().eval()
    model.set_attn_implementation(implementation)
    batch = packed()
    with torch.no_grad(), no_cache(model):
        together = model(**batch.inputs).logits[0]
        for start, length in zip(np.cumsum((0, *LENGTHS)), LENGTHS, strict=False):
            alone = model(input_ids=batch.inputs["input_ids"][:, start : start + length]).logits[0]
            # another shape of matrix product: float32 rounding, logits are about 0.1
            torch.testing.assert_close(together[start : start + length], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_changing_a_token_changes_only_what_follows_in_its_document(name: str):
    model = MODELS[name]().eval()
    batch = packed()
    changed = batch.inputs["input_ids"].clone()
    changed[0, 8] = (changed[0, 8] + 1) % VOCABULARY  # third token of the third document, columns 6 to 12
    with torch.no_grad(), no_cache(model):
        before = model(**batch.inputs).logits[0]
        after = model(input_ids=changed, position_ids=batch.inputs["position_ids"]).logits[0]
    moved = ~torch.isclose(before, after, rtol=0, atol=1e-7).all(-1)
    assert moved.tolist() == [8 <= column <= 12 for column in range(16)]


@pytest.mark.parametrize("name", MODELS)
def test_compiled_model_gives_the_same_logits(name: str):
    model = MODELS[name]().eval()
    batch = packed()
    with torch.no_grad(), no_cache(model):
        expected = model(**batch.inputs).logits
        torch.compiler.reset()
        found = torch.compile(model, backend="aot_eager")(**batch.inputs).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_row_attention_crosses_documents():
    batch = packed()
    model = llama().eval()
    with torch.no_grad(), no_cache(model):
        document = model(**batch.inputs).logits
        row = model(input_ids=batch.inputs["input_ids"]).logits
    assert torch.allclose(document[0, :5], row[0, :5], atol=1e-6)
    assert not torch.allclose(document[0, 6:], row[0, 6:], atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_check_passes_models_that_keep_documents_apart(name: str):
    model = MODELS[name]()
    check_document_attention(model, vocab_size=VOCABULARY)
    assert model.training


def test_check_names_a_model_that_cannot():
    torch.manual_seed(0)
    model = MambaForCausalLM(MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=8))
    with pytest.raises(UserError, match="MambaForCausalLM sees the document before"):
        check_document_attention(model, vocab_size=VOCABULARY)
