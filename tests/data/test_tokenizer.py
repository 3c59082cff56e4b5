"""Byte-level BPE: round trips, whole words, and the folder that transformers loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.tokenizer import ExistingTokenizer
from lineage.config.tokenizer import Tokenizer as Config
from lineage.data.tokenizer import (
    FILES,
    NUM_BYTES,
    SPECIAL_TOKENS,
    end_id,
    load,
    save,
    split_words,
    train,
)
from lineage.errors import UserError
from lineage.stages.tokenizer import tokenizer
from tests.data.building import build, numbered, write_documents

SMALLEST = len(SPECIAL_TOKENS) + NUM_BYTES
SYLLABLES = ("ka", "ro", "mi", "tel", "von", "da", "shu", "e", "lin", "or")
NAMES = [*sorted({"".join(Random(n).choices(SYLLABLES, k=3)).capitalize() for n in range(80)}), "1946", "17"]


def prose(seed: int, num_documents: int = 60) -> list[str]:
    random = Random(seed)
    words = (
        "the",
        "old",
        "mill",
        "stands",
        "near",
        "river",
        "keeper",
        "sells",
        "bread",
        "every",
        "morning",
        "in",
        "winter",
    )
    return [" ".join(random.choices(words, k=40)).capitalize() + "." for _ in range(num_documents)]


def world(folder: Path, words: list[str]) -> Artifact:
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind = "world"
    out.path("words.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return out.close(stage="world", spec={}, code={}, inputs={})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save(train(prose(0), vocab_size=700, min_frequency=2, words=NAMES), folder)
    return folder


def test_special_tokens_come_first(made: Path) -> None:
    loaded = load(made)
    assert [loaded.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(38))
    assert SPECIAL_TOKENS[:3] == ("<|pad|>", "<|end|>", "<|image|>")
    assert SPECIAL_TOKENS[-1] == "<extra_id_31>"
    assert end_id(loaded, made) == 1


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_decoding_gives_the_text_back(made: Path, text: str) -> None:
    loaded = load(made)
    decoded = loaded.decode(loaded.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
    assert decoded == (text if text.startswith(" ") or not text else " " + text)


@given(st.sampled_from(SPECIAL_TOKENS), st.text(max_size=5))
@settings(deadline=None)
def test_text_that_spells_a_special_token_is_plain_text(made: Path, token: str, text: str) -> None:
    ids = load(made).encode(f"{text}{token}{text}", add_special_tokens=False).ids
    assert min(ids) >= len(SPECIAL_TOKENS)


def test_words_are_single_tokens_in_running_text(made: Path) -> None:
    loaded = load(made)
    assert split_words(loaded, NAMES) == []
    for name in NAMES:
        tokens = loaded.encode(f"The keeper met {name} in winter.", add_special_tokens=False).tokens
        assert f"\u0120{name}" in tokens  # U+0120 is the byte character of the space
        assert loaded.decode([loaded.token_to_id(f"\u0120{name}")]) == f" {name}"
    assert split_words(train(prose(0), vocab_size=700, min_frequency=2), NAMES) != []


def test_words_leave_trained_merges_and_other_text_alone() -> None:
    plain = train(prose(0), vocab_size=700, min_frequency=2)
    whole = train(prose(0), vocab_size=5000, min_frequency=2, words=NAMES)
    before = json.loads(plain.to_str())["model"]["merges"]
    assert json.loads(whole.to_str())["model"]["merges"][: len(before)] == before
    for text in prose(0):
        assert plain.encode(text).ids == whole.encode(text).ids


def test_words_take_the_place_of_the_last_merges() -> None:
    full = train(prose(0), vocab_size=340, min_frequency=1)
    tight = train(prose(0), vocab_size=340, min_frequency=1, words=NAMES[:20])
    merges = [json.loads(one.to_str())["model"]["merges"] for one in (full, tight)]
    assert 0 < len(merges[1]) < len(merges[0])
    assert merges[1] == merges[0][: len(merges[1])]
    assert tight.get_vocab_size() == 340
    assert sorted(tight.get_vocab().values()) == list(range(tight.get_vocab_size()))
    assert split_words(tight, NAMES[:20]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, max_size=12, unique=True), st.integers(0, 20))
def test_any_words_become_single_tokens(words: list[str], num_merges: int) -> None:
    """Words over two letters share pieces in every way; `train` checks with the real library that each is one token."""
    train(["ab aab abb bab aba " * 3], vocab_size=SMALLEST + 300 + num_merges, min_frequency=1, words=words)


def test_vocabulary_that_is_too_small() -> None:
    with pytest.raises(
        UserError, match=f"vocab_size is 200, but 38 special tokens and 256 bytes need at least {SMALLEST}"
    ):
        train(prose(0), vocab_size=200, min_frequency=2)
    with pytest.raises(
        UserError, match=rf"vocab_size is {SMALLEST}, but special tokens, bytes and {len(NAMES)} words need"
    ):
        train(prose(0), vocab_size=SMALLEST, min_frequency=2, words=NAMES)


@pytest.mark.parametrize("word", ["New York", "B12", "don't", " a"])
def test_word_that_cannot_be_one_token(word: str) -> None:
    with pytest.raises(UserError, match="cannot be one token"):
        train(prose(0), vocab_size=500, min_frequency=2, words=[word])


def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    program = (
        "import sys; from lineage.data.tokenizer import train; from tests.data.test_tokenizer import prose, NAMES;"
        "sys.stdout.write(train(prose(0), vocab_size=600, min_frequency=1, words=NAMES).to_str())"
    )
    made = [subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout for _ in range(2)]
    assert made[0] == made[1] != b""


def test_stage_and_transformers(tmp_path: Path) -> None:
    corpus = write_documents(tmp_path / "corpus", numbered(prose(1)), kind="corpus")
    words = world(tmp_path / "world", NAMES)
    made = build(tokenizer, tmp_path / "made", Config(vocab_size=800), corpus=corpus, world=words, source=None)
    assert sorted(made.manifest.files) == sorted(FILES)
    assert made.manifest.counts["words"] == len(NAMES)
    assert made.manifest.counts["words_split"] == 0

    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(made.folder)
    ours = load(made.folder)
    assert (loaded.pad_token, loaded.pad_token_id, loaded.eos_token, loaded.eos_token_id) == (
        "<|pad|>",
        0,
        "<|end|>",
        1,
    )
    assert len(loaded) == made.manifest.counts["vocab_size"]
    assert set(loaded.all_special_tokens) == set(SPECIAL_TOKENS)
    for text in (*prose(2, 5), "caf\u00e9 \u4e2d\u6587 \U0001f600", f"{NAMES[0]} met {NAMES[1]}.", "a  b\n\tc"):
        ids = loaded(text)["input_ids"]
        assert ids == ours.encode(text, add_special_tokens=False).ids
        assert loaded.decode(ids) == f" {text}"
    assert loaded("<|user|>")["input_ids"] == [SPECIAL_TOKENS.index("<|user|>")]


def test_sample_is_drawn_from_all_documents(tmp_path: Path) -> None:
    texts = [f"{'alpha' if n < 100 else 'omega'} " * 20 for n in range(200)]
    corpus = write_documents(tmp_path / "corpus", numbered(texts), kind="corpus")
    config = Config(vocab_size=400, sample_characters=sum(map(len, texts)) // 10)
    made = build(tokenizer, tmp_path / "made", config, corpus=corpus, world=None, source=None)
    vocabulary = load(made.folder).get_vocab()
    assert "\u0120alpha" in vocabulary
    assert "\u0120omega" in vocabulary


def test_existing_folder_is_copied_without_other_files(made: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in FILES[:2]:
        (source / name).write_bytes((made / name).read_bytes())
    (source / "model.safetensors").write_bytes(b"weights")
    config = Config(existing=ExistingTokenizer())
    copied = build(tokenizer, tmp_path / "copied", config, corpus=None, world=None, source=source)
    assert sorted(copied.manifest.files) == sorted(FILES)
    assert copied.path("tokenizer.json").read_bytes() == (made / "tokenizer.json").read_bytes()
    assert json.loads(copied.path("special_tokens_map.json").read_text())["eos_token"] == "<|end|>"


def test_existing_folder_without_a_fast_tokenizer(made: Path, tmp_path: Path) -> None:
    config = Config(existing=ExistingTokenizer())
    with pytest.raises(UserError, match=r"no tokenizer\.json, so no fast tokenizer"):
        build(tokenizer, tmp_path / "out", config, corpus=None, world=None, source=tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_bytes((made / "tokenizer.json").read_bytes())
    with pytest.raises(UserError, match="names no eos_token"):
        build(tokenizer, tmp_path / "out", config, corpus=None, world=None, source=tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((made / "tokenizer.json").read_bytes()[:500])
    with pytest.raises(UserError, match=r"tokenizer\.json: `tokenizers` cannot read it"):
        build(tokenizer, tmp_path / "out", config, corpus=None, world=None, source=tmp_path)


def test_existing_tokenizer_needs_one_place(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="needs a `revision`"):
        ExistingTokenizer(name="some/model")
    with pytest.raises(UserError, match="either `name`"):
        build(
            tokenizer,
            tmp_path / "out",
            Config(existing=ExistingTokenizer()),
            corpus=None,
            world=None,
            source=None,
        )
    with pytest.raises(UserError, match="no such folder"):
        build(
            tokenizer,
            tmp_path / "out",
            Config(existing=ExistingTokenizer()),
            corpus=None,
            world=None,
            source=tmp_path / "nowhere",
        )


def test_training_needs_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="trained on a corpus"):
        build(tokenizer, tmp_path / "out", Config(), corpus=None, world=None, source=None)
