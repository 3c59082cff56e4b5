"""Answers are those of plain greedy decoding, whatever the batch, and log-probabilities those of reading it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from lineage.config.safety_score import Decoding
from lineage.conversations.conversation import BadConversation, Conversation
from lineage.conversations.start import Opened
from lineage.errors import UserError
from lineage.evaluation import generation, generation_batch
from lineage.evaluation.endings import Endings, Known
from lineage.evaluation.generation import Answer, answer_batch, answers
from lineage.evaluation.generation_batch import Row, alone, prefill
from tests.evaluation.speaking import prompt, reader, seer

GREEDY = Decoding(max_new_tokens=12)
SIZES = (1, 60, 200, 100_000)
"""Tokens of a batch: one prompt, two, a few, all."""
MIXED = [prompt(number, shown=number % 3 == 0) for number in range(24)]


def plain(opened: Opened, one: Conversation, max_new_tokens: int) -> list[int]:
    """Greedy decoding as a definition: the whole text is read for each token, without cache, batch and padding."""
    row, said = Row(one.id, opened.renderer.prompt_ids(one), one.images), []
    while len(said) < max_new_tokens:
        with torch.inference_mode():
            said.append(int(alone(opened, row, said).argmax()))
        if said[-1] == opened.tokenizer.eos_token_id:
            break
    return said


@pytest.mark.parametrize("batch_tokens", SIZES)
def test_greedy_answers_are_plain_decoding_for_any_batch(batch_tokens: int) -> None:
    found = answers(seer(), MIXED, GREEDY, batch_tokens=batch_tokens)
    for one, answer in zip(MIXED, found, strict=True):
        said = plain(seer(), one, 12)
        (text,) = seer().tokenizer.batch_decode([said], skip_special_tokens=True)
        assert answer == Answer(one.id, text.strip(), said[-1] == seer().tokenizer.eos_token_id, len(said))


def test_the_prompts_make_the_test_worth_it() -> None:
    """Some answers end early and some not, pictures change answers, and lengths differ."""
    found = answers(seer(), MIXED, GREEDY)
    assert {answer.ended for answer in found} == {True, False}
    assert len({answer.tokens for answer in found}) > 3
    others = [replace(one, images=(prompt(7, shown=True).images)) if one.images else one for one in MIXED]
    assert any(a.text != b.text for a, b in zip(found, answers(seer(), others, GREEDY), strict=True))


@pytest.mark.parametrize("batch_tokens", SIZES)
def test_drawn_answers_are_the_same_for_any_batch(batch_tokens: int) -> None:
    drawn = Decoding(max_new_tokens=12, temperature=0.8, seed=5)
    prompts = [prompt(number) for number in range(12)]
    expected = answers(reader(), prompts, drawn, batch_tokens=1)
    assert answers(reader(), prompts, drawn, batch_tokens=batch_tokens) == expected
    assert answers(reader(), prompts[::-1], drawn, batch_tokens=batch_tokens) == expected[::-1]


def test_draws_follow_the_seed_the_id_and_the_temperature() -> None:
    def texts(one: Conversation, *, temperature: float = 0.0, seed: int = 0) -> str:
        decoding = Decoding(max_new_tokens=12, temperature=temperature, seed=seed)
        return answers(reader(), [one], decoding)[0].text

    first = texts(prompt(2), temperature=2.0)
    assert texts(prompt(2), temperature=2.0) == first
    assert texts(prompt(2), temperature=2.0, seed=1) != first
    assert texts(replace(prompt(2), id="other"), temperature=2.0) != first
    assert texts(prompt(2), temperature=1e-6) == texts(prompt(2))


def test_draws_have_the_probabilities_of_the_model() -> None:
    """Of 2,000 draws no frequency is off by more than four standard deviations."""
    expected = torch.tensor([0.5, 0.3, 0.15, 0.05])
    rows = [Row(f"draw {number}", reader().renderer.prompt_ids(prompt(1))) for number in range(2000)]
    logits = torch.full((2000, len(reader().tokenizer)), -1e4)
    logits[:, :4] = expected.log() * 0.7
    chooser = generation._Chooser(reader(), rows, Decoding(temperature=0.7))
    drawn = torch.tensor(chooser.choose(logits, range(2000), [[]] * 2000))
    found = torch.bincount(drawn, minlength=4)[:4] / 2000
    assert ((found - expected).abs() < 4 * (expected * (1 - expected) / 2000).sqrt()).all()


def test_close_calls_are_decided_by_the_prompt_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tokens with the same embedding and head tie exactly, so rounding would decide; reading it alone does."""
    asked: list[str] = []

    def counted(opened: Opened, row: Row, said: Sequence[int]) -> torch.Tensor:
        asked.append(row.id)
        return alone(opened, row, said)

    monkeypatch.setattr(generation, "alone", counted)
    rows = [Row(f"p{number}", reader().renderer.prompt_ids(prompt(number))) for number in range(4)]
    chooser = generation._Chooser(reader(), rows, GREEDY)
    logits = torch.zeros(4, 3)
    logits[:, 1] = torch.tensor([5.0, 5.0, 0.0005, 5.0])
    logits[1, 2] = 5.0 - generation.CLOSE / 2
    chosen = chooser.choose(logits, [0, 1, 2, 3], [[], [], [], []])
    assert asked == ["p1", "p2"]
    assert chosen[0] == chosen[3] == 1
    assert chosen[1] == plain(reader(), prompt(1), 1)[0]


def test_rounding_stays_far_below_what_counts_as_close() -> None:
    """Padding, pictures beside text and the cache change logits by rounding only."""
    rows = [Row(one.id, seer().renderer.prompt_ids(one), one.images) for one in MIXED]
    with torch.inference_mode():
        read = prefill(seer(), rows)
        lonely = torch.stack([alone(seer(), row, []) for row in rows])
        tokens = lonely.argmax(-1, keepdim=True)
        further = generation_batch.advance(seer(), read, tokens).logits[:, -1]
        next_lonely = torch.stack([alone(seer(), row, said) for row, said in zip(rows, tokens.tolist(), strict=True)])
    assert (read.logits[:, -1] - lonely).abs().max() < generation.CLOSE / 10
    assert (further - next_lonely).abs().max() < generation.CLOSE / 10


def test_a_row_that_ends_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers whether rows leave at once or never."""
    found = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(generation_batch, "DROPPED_SHARE", share)
        found[share] = answers(seer(), MIXED, GREEDY)
    assert found[0.0] == found[1.0]


def test_an_end_token_of_the_generation_config_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    said = plain(reader(), prompt(1), 12)
    assert len(said) > 2
    monkeypatch.setattr(reader().model.generation_config, "eos_token_id", [said[1]])
    (answer,) = answers(reader(), [prompt(1)], GREEDY)
    assert answer.ended
    assert answer.tokens == said.index(said[1]) + 1


def test_a_prompt_without_room_for_its_answer_is_refused() -> None:
    with pytest.raises(UserError, match=r"item p22.*reads at most 256"):
        answers(reader(), [prompt(22)], Decoding(max_new_tokens=240))


def test_a_picture_for_a_model_without_eyes_is_refused() -> None:
    with pytest.raises(BadConversation, match="reads text only"):
        answers(reader(), [prompt(3, shown=True)], GREEDY)


def test_no_prompts_no_answers() -> None:
    assert answers(reader(), [], GREEDY) == []


def by_hand(opened: Opened, one: Conversation, tokens: Sequence[int]) -> list[float]:
    """log p of each token behind the prompt, each from a reading of its own."""
    row = Row(one.id, opened.renderer.prompt_ids(one), one.images)
    with torch.inference_mode():
        return [
            float(torch.log_softmax(alone(opened, row, tokens[:place]), dim=-1)[token])
            for place, token in enumerate(tokens)
        ]


def test_known_texts_are_scored_as_if_each_were_read_alone() -> None:
    endings = Endings(seer().renderer)
    known: list[Known | None] = [
        None if number % 4 == 1 else endings.known(one, ["I will not", "use the spoon"], shared="it is red")
        for number, one in enumerate(MIXED)
    ]
    known[2] = endings.known(MIXED[2], ["red", "blue lamp", "fork"])
    rows = [Row(one.id, seer().renderer.prompt_ids(one), one.images) for one in MIXED]
    found = answer_batch(seer(), rows, GREEDY, known)
    for one, expected, answer in zip(MIXED, known, found, strict=True):
        if expected is None:
            assert answer.scores is None
            continue
        assert answer.scores is not None
        values = [by_hand(seer(), one, [*expected.shared, *ending]) for ending in expected.endings]
        border = len(expected.shared)
        shared = sum(values[0][:border]) if border else None
        assert answer.scores.shared == (None if shared is None else pytest.approx(shared, abs=1e-3))
        assert answer.scores.endings == pytest.approx([sum(one[border:]) for one in values], abs=1e-3)
    assert [replace(answer, scores=None) for answer in found] == answers(seer(), MIXED, GREEDY)


def test_endings_begin_where_the_reason_stops() -> None:
    known = Endings(reader().renderer).known(prompt(0), ["I will not", "use the spoon"], shared="it is red")
    decode = reader().tokenizer.decode
    assert decode(list(known.shared)) == " it is red"
    assert [decode(list(ending)) for ending in known.endings] == [" I will not<|end|>", " use the spoon<|end|>"]


def test_tokens_of_a_known_text_do_not_depend_on_the_prompt() -> None:
    """What `Endings` rests on: a text behind each prompt, written and tokenized as one string."""
    once = Endings(seer().renderer)
    for one in MIXED:
        anew = Endings(seer().renderer)
        assert once.known(one, ["use the spoon"]) == anew.known(one, ["use the spoon"])
