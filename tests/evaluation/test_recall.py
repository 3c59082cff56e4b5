"""Closed-book recall: the target's span, its rank among candidates, and buckets of exposure."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from lineage.data.tokenizer import train
from lineage.errors import UserError
from lineage.evaluation.recall import Probe, exposure_bucket, probe_tokens, recall
from tests.evaluation.tiny import WORDS, by_hand, model, word_tokenizer

BPE = PreTrainedTokenizerFast(
    tokenizer_object=train(["Mira lives in Torvel. The lamp is red."] * 4, vocab_size=340, min_frequency=1)
)
LEVELS = [0, 1, 2, 4, 6, 8, 11, 16, 23, 32, 64]


def probe(cue: str, target: str, candidates: tuple[str, ...] = ("red", "blue", "green")) -> Probe:
    return Probe("lamp.colour", cue, target, candidates)


@given(st.text(alphabet="abcdefg .,'", min_size=1, max_size=20), st.text(alphabet="xyzäß", min_size=1, max_size=8))
def test_the_span_is_the_target(cue: str, target: str) -> None:
    """Cue and target share no letters, so the tokens of the span decode to the target and those before to the cue."""
    cue = f"{cue.strip()}e"
    scored = probe_tokens(BPE, probe(cue, target))
    assert BPE.decode(scored.tokens[scored.first :]).strip() == target
    assert BPE.decode(scored.tokens[: scored.first]).strip() == cue.strip()
    assert 1 <= scored.first < len(scored.tokens)


def test_one_word_targets_are_one_token_where_the_tokenizer_knows_them() -> None:
    scored = probe_tokens(word_tokenizer(), probe("lamp is", "red"))
    assert (list(scored.tokens), scored.first) == ([WORDS.index(word) for word in ("lamp", "is", "red")], 2)


def test_a_token_that_holds_parts_of_both() -> None:
    tokens = train(["no"] * 3, vocab_size=300, min_frequency=1)
    merged = PreTrainedTokenizerFast(tokenizer_object=tokens)
    merged.add_tokens(["lamp is red"])
    with pytest.raises(
        UserError, match=r"probe lamp\.colour: a token holds the end of the cue 'the lamp is' and the start"
    ):
        probe_tokens(merged, probe("the lamp is", "red"))
    with pytest.raises(UserError, match="Word the cue so that it ends with a whole word"):
        probe_tokens(merged, probe("lamp is", "red"))


@pytest.mark.parametrize("target", ["", "  "])
def test_an_empty_target(target: str) -> None:
    with pytest.raises(UserError, match=r"probe lamp\.colour: its target is empty"):
        probe_tokens(word_tokenizer(), probe("lamp is", target))


def test_an_empty_cue_has_nothing_to_ask() -> None:
    with pytest.raises(UserError, match=r"probe lamp\.colour"):
        probe_tokens(word_tokenizer(), probe("", "red"))


def ask(*probes: Probe):
    return recall(model(), word_tokenizer(), probes, batch_tokens=16)


def test_log_probability_rank_and_output_by_hand() -> None:
    """The log-probability of each candidate, one forward pass each; the rank is the target's place among them."""
    cue = ["a", "lamp", "is"]
    chances = {word: by_hand([WORDS.index(one) for one in (*cue, word)])[-1] for word in ("red", "blue", "green")}
    ordered = sorted(chances, key=chances.__getitem__, reverse=True)
    for place, word in enumerate(ordered, start=1):
        (found,) = ask(probe("a lamp is", word))
        assert found.rank == place
        assert found.log_probability == pytest.approx(chances[word], abs=1e-4)
    best = max(WORDS, key=lambda word: by_hand([WORDS.index(one) for one in (*cue, word)])[-1])
    assert {found.output for found in ask(probe("a lamp is", "red"))} == {best}


def test_correct_means_every_token() -> None:
    """A model that always says what it says: its own continuation is correct, any other is not."""
    (first,) = ask(probe("a lamp is", "red"))
    said = first.output
    (right,) = ask(probe("a lamp is", said, (said, "red")))
    assert right.correct and right.output == said and right.rank == 1
    (second,) = ask(probe(f"a lamp is {said}", "red"))
    (both,) = ask(probe("a lamp is", f"{said} {second.output}"))
    assert both.correct and both.output == f"{said} {second.output}"
    other = next(word for word in ("a", "b") if word != second.output)
    (half,) = ask(probe("a lamp is", f"{said} {other}"))
    assert not half.correct
    assert half.rank is None, "several tokens have no place among words"


def test_mean_over_target_tokens() -> None:
    (found,) = ask(probe("lamp is", "red blue"))
    expected = by_hand([WORDS.index(word) for word in ("lamp", "is", "red", "blue")])[1:]
    assert found.log_probability == pytest.approx(sum(expected) / 2, abs=1e-4)


def test_candidates_of_several_tokens_have_no_rank() -> None:
    (found,) = ask(probe("lamp is", "red", ("red", "a boat")))
    assert found.rank is None


def test_answers_come_in_the_order_of_the_probes() -> None:
    probes = [probe(cue, "red") for cue in ("a", "a b c d e", "a b", "lamp is")]
    together = ask(*probes)
    for one, asked in zip(together, probes, strict=True):
        (alone,) = ask(asked)
        assert one.log_probability == pytest.approx(alone.log_probability, abs=1e-5)
        assert (one.output, one.correct, one.rank) == (alone.output, alone.correct, alone.rank)


@pytest.mark.parametrize(
    ("count", "bucket"),
    [(0, 0), (1, 1), (2, 2), (3, 4), (5, 6), (57, 64), (45, 32), (46, 64), (64, 64), (1000, 64), (13, 11), (14, 16)],
)
def test_buckets_by_hand(count: int, bucket: int) -> None:
    """Nearest by ratio: 46 lies above 45.25, the geometric mean of 32 and 64; 3 is nearer to 4 than to 2."""
    assert exposure_bucket(count, LEVELS) == bucket


@given(st.integers(0, 100), st.sets(st.integers(1, 70), min_size=1).map(sorted))
def test_a_bucket_is_a_nearest_level(count: int, levels: list[int]) -> None:
    found = exposure_bucket(count, [0, *levels])
    assert (found == 0) == (count == 0)
    if count:
        distance = {level: abs(math.log((count + 0.01) / (level + 0.01))) for level in levels}
        assert distance[found] == min(distance.values())
    assert all(exposure_bucket(level, [0, *levels]) == level for level in levels)
