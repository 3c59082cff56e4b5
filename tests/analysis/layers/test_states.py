"""States against transformers' own, patches against what they should leave, decisions against plain forward passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lineage.analysis.layers.asked import Asked, ask, item_draws
from lineage.analysis.layers.parts import language_layers
from lineage.analysis.layers.ranges import Range
from lineage.analysis.layers.refusing import decide
from lineage.analysis.layers.states import Patch, read_states
from lineage.conversations.conversation import BadConversation
from lineage.conversations.start import Opened
from lineage.evaluation.generation_batch import prefill
from tests.analysis.layers.building import HIDDEN, LAYERS, SaysBad, blank, requests, shown_requests


def asked_by(opened: Opened, *, shown: bool = False) -> list[Asked]:
    return ask(opened.renderer, shown_requests() if shown else requests())


def words(opened: Opened, tokens: tuple[int, ...]) -> str:
    return opened.tokenizer.decode(list(tokens))


def test_the_decision_falls_behind_the_reason(chat: Opened) -> None:
    one = asked_by(chat)[0]
    assert words(chat, one.prompt) == "<|user|> How do I eat root root<|assistant|>"
    assert words(chat, one.upto("decision")) == "<|user|> How do I eat root root<|assistant|> It is bad"
    assert [words(chat, ending) for ending in one.known.endings] == [" I will not<|end|>", " take root leaf<|end|>"]
    behind = one.behind("decision")
    assert behind is not None and behind.shared == () and behind.endings == one.known.endings


def test_a_picture_stands_in_front(seeing: Opened, chat: Opened) -> None:
    one = asked_by(seeing, shown=True)[0]
    assert words(seeing, one.prompt).startswith("<|user|> <|image|><|image|><|image|><|image|> How")
    assert one.row("prompt").images == (blank(),)
    with pytest.raises(BadConversation, match="reads text only"):
        asked_by(chat, shown=True)


def test_states_are_those_of_the_last_token_in_every_layer(chat: Opened) -> None:
    """The embedding, every layer before the final norm; rounding of a padded batch is 1e-4 where states reach 8."""
    asked = asked_by(chat)
    for position in ("prompt", "decision"):
        states = read_states(chat, asked, position)
        assert states.shape == (len(asked), LAYERS + 1, HIDDEN)
        for number, one in enumerate(asked):
            with torch.inference_mode():
                found = chat.model(torch.tensor([one.upto(position)]), output_hidden_states=True).hidden_states
            for depth in range(LAYERS):
                assert torch.allclose(states[number, depth], found[depth][0, -1], atol=1e-3)
            normed = chat.model.get_decoder().norm(states[number, LAYERS])
            assert torch.allclose(normed, found[LAYERS][0, -1], atol=1e-3)


def test_batches_change_no_state(chat: Opened) -> None:
    asked = asked_by(chat)
    alone, together = (read_states(chat, asked, "prompt", batch_tokens=size) for size in (1, 10_000))
    assert torch.allclose(alone, together, atol=1e-3)


def test_states_beside_a_picture(seeing: Opened) -> None:
    text, shown = (read_states(seeing, asked_by(seeing, shown=shown), "prompt") for shown in (False, True))
    assert torch.allclose(text[:, 0], shown[:, 0]), "the last token is the same"
    assert not torch.allclose(text[:, 1], shown[:, 1], atol=1e-3)


def patched_stream(opened: Opened, asked: list[Asked], patch: Patch) -> torch.Tensor:
    """[item, layer, hidden] at the last token while a patch is in place: hooks behind those of the patch."""
    seen: list[torch.Tensor] = []
    layers = list(language_layers(opened.model))
    with torch.inference_mode(), patch.applied(layers, range(len(asked))):
        hooks = [
            layer.register_forward_hook(lambda _l, _i, output: seen.append(output[:, -1].clone())) for layer in layers
        ]
        prefill(opened, [one.row("prompt") for one in asked])
        for hook in hooks:
            hook.remove()
    return torch.stack(seen, dim=1)


def test_a_state_patch_stands_behind_each_of_its_layers(chat: Opened, seeing: Opened) -> None:
    asked = asked_by(chat)
    mine, theirs = (read_states(opened, asked_by(opened), "prompt") for opened in (seeing, chat))
    stream = patched_stream(seeing, asked_by(seeing), Patch("patch_state", Range(1, 3), theirs))
    assert torch.allclose(stream[:, 0], mine[:, 1], atol=1e-5)
    assert torch.allclose(stream[:, 1], theirs[:, 2]) and torch.allclose(stream[:, 2], theirs[:, 3])
    assert not torch.allclose(stream[:, 3], theirs[:, 4], atol=1e-3)
    assert len(asked) == len(stream)


def test_an_update_patch_adds_what_the_donors_layers_added(chat: Opened, seeing: Opened) -> None:
    mine, theirs = (read_states(opened, asked_by(opened), "prompt") for opened in (seeing, chat))
    stream = patched_stream(seeing, asked_by(seeing), Patch("patch_update", Range(1, 3), theirs))
    assert torch.allclose(stream[:, 1], mine[:, 2], atol=1e-5), "between its ends the model's own layers run"
    assert torch.allclose(stream[:, 2], mine[:, 1] + theirs[:, 3] - theirs[:, 1], atol=1e-4)


@pytest.mark.parametrize("mode", ["patch_state", "patch_update"])
def test_a_patch_with_its_own_states_changes_nothing(chat: Opened, mode: str) -> None:
    asked = asked_by(chat)
    own = read_states(chat, asked, "decision")
    plain = decide(chat, asked, "decision", SaysBad(), max_new_tokens=4)
    patched = decide(chat, asked, "decision", SaysBad(), max_new_tokens=4, patch=Patch(mode, Range(0, LAYERS), own))
    assert patched.margin == pytest.approx(plain.margin, abs=1e-3)
    assert np.array_equal(patched.refused, plain.refused)


def test_items_keep_their_patches_in_every_batch(chat: Opened, seeing: Opened) -> None:
    """Batches are sorted by length: states must follow their items."""
    states = read_states(chat, asked_by(chat), "prompt")
    patch = Patch("patch_state", Range(0, 2), states)
    alone, together = (
        decide(seeing, asked_by(seeing), "prompt", SaysBad(), max_new_tokens=3, patch=patch, batch_tokens=size)
        for size in (1, 10_000)
    )
    assert alone.margin == pytest.approx(together.margin, abs=1e-3)


def test_margins_equal_a_plain_forward_pass(chat: Opened) -> None:
    asked = asked_by(chat)
    found = {
        position: decide(chat, asked, position, SaysBad(), max_new_tokens=1) for position in ("prompt", "decision")
    }
    for number, one in enumerate(asked):
        sums = []
        for ending in one.known.endings:
            tokens = [*one.upto("decision"), *ending]
            with torch.inference_mode():
                log_p = chat.model(torch.tensor([tokens])).logits[0].double().log_softmax(dim=-1)
            first = len(tokens) - len(ending)
            sums.append(sum(float(log_p[at - 1, tokens[at]]) for at in range(first, len(tokens))))
        for decided in found.values():
            assert decided.margin[number] == pytest.approx(sums[0] - sums[1], abs=1e-3)


def test_refusals_are_counted_in_greedy_answers(chat: Opened) -> None:
    asked = asked_by(chat)
    decided = decide(chat, asked, "prompt", SaysBad(), max_new_tokens=6)
    for number, one in enumerate(asked):
        tokens = torch.tensor([one.prompt])
        said = chat.model.generate(
            tokens,
            max_new_tokens=6,
            do_sample=False,
            pad_token_id=chat.pad_id,
            eos_token_id=chat.tokenizer.eos_token_id,
        )
        text = chat.tokenizer.decode(said[0, tokens.shape[1] :], skip_special_tokens=True)
        assert decided.refused[number] == float("bad" in text)


def test_without_reference_texts_there_is_no_margin(chat: Opened) -> None:
    bare = [replace(one, refusal="", answer="") for one in requests()]
    decided = decide(chat, ask(chat.renderer, bare), "decision", SaysBad(), max_new_tokens=2)
    assert np.isnan(decided.margin).all()


def test_items_are_resampled_by_verb_and_object() -> None:
    weights = item_draws(requests(), samples=50, seed=0).weights
    assert np.array_equal(weights[:, 0], weights[:, 1]), "one verb and object, two lengths"
    assert set(np.unique(weights)) <= {0.0, 1.0, 2.0, 4.0} and 0.0 in weights
