"""Byte-level BPE: training, whole words, and the folder that transformers loads.

Byte-level BPE as in GPT-2 (Radford et al. 2019, section 2.2). Words that must be single tokens are entries of the
vocabulary without merges: with `ignore_merges` (as in Llama 3) a word that is an entry is taken whole before any merge
is tried. Other words are split as if these were not there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from lineage.errors import UserError

PAD, END, IMAGE = "<|pad|>", "<|end|>", "<|image|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
NUM_SENTINELS = 32
SPECIAL_TOKENS: tuple[str, ...] = (PAD, END, IMAGE, *ROLES, *(f"<extra_id_{i}>" for i in range(NUM_SENTINELS)))
"""Ids 0, 1, ...: padding, end of document, image, roles of a chat, T5 sentinels."""
NUM_BYTES = 256

FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
OPTIONAL_FILES = ("vocab.json", "merges.txt", "added_tokens.json", "tokenizer.model", "chat_template.jinja")


def train(texts: Iterable[str], *, vocab_size: int, min_frequency: int, words: Sequence[str] = ()) -> Tokenizer:
    """A byte-level BPE of at most `vocab_size` entries in which each of `words`, after a space, is one token.

    Trained merges give way to the words: the first of them stay, as many as fit.

    Raises:
        UserError: `vocab_size` is too small for special tokens, bytes and words; or a word cannot be one token.
    """
    smallest = len(SPECIAL_TOKENS) + NUM_BYTES
    if vocab_size < smallest:
        raise UserError(_too_small(vocab_size, smallest, f"{len(SPECIAL_TOKENS)} special tokens and {NUM_BYTES} bytes"))
    tokenizer = _empty_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    vocab, merges = with_words(trained["vocab"], trained["merges"], words, vocab_size=vocab_size)
    whole = _empty_tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    whole.add_special_tokens(list(SPECIAL_TOKENS))
    if split := split_words(whole, words):
        raise AssertionError(f"words that are not one token after merging: {split[:5]}")
    return whole


def _empty_tokenizer(model: models.BPE | None = None) -> Tokenizer:
    tokenizer = Tokenizer(model or models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def _too_small(vocab_size: int, smallest: int, what: str) -> str:
    return f"vocab_size is {vocab_size:,}, but {what} need at least {smallest:,}.\n  Raise `vocab_size`."


def with_words(
    vocab: dict[str, int], merges: Sequence[Sequence[str]], words: Sequence[str], *, vocab_size: int
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges with every word as an entry of its own, `vocab_size` entries at most.

    As many trained merges stay, from the first on, as leave room for the words; training is greedy, so this is what
    training to a smaller size would have given.

    Raises:
        UserError: there is no room even without any trained merge; or a word cannot be one token.
    """
    spelled = dict.fromkeys(_spelled(word) for word in words)
    base = {token: number for token, number in vocab.items() if number < len(SPECIAL_TOKENS) + NUM_BYTES}
    smallest = len(base.keys() | spelled.keys())
    if smallest > vocab_size:
        raise UserError(_too_small(vocab_size, smallest, f"special tokens, bytes and {len(words):,} words"))
    entries, kept = dict(base), list[tuple[str, str]]()
    missing = set(spelled) - set(entries)
    for left, right in merges:
        merged = left + right
        if merged not in entries and len(entries) + len(missing - {merged}) + 1 > vocab_size:
            break
        entries.setdefault(merged, len(entries))
        missing.discard(merged)
        kept.append((left, right))
    for word in spelled:
        entries.setdefault(word, len(entries))
    return entries, kept


def _spelled(word: str) -> str:
    """A word after a space in the byte characters of byte-level BPE: `Tor` is `\u0120Tor`.

    Raises:
        UserError: text is cut inside the word before BPE sees it, so no merge can make it one token.
    """
    cut = pre_tokenizers.ByteLevel(add_prefix_space=True).pre_tokenize_str(word)
    if len(cut) != 1 or word != word.strip():
        pieces = ", ".join(repr(word[start:stop].strip()) for _, (start, stop) in cut)
        raise UserError(
            f"the word {word!r} cannot be one token: text is cut into {pieces} before it is looked up.\n"
            "  Words are letters only, digits only, or punctuation only, without spaces."
        )
    return cut[0][0]


def split_words(tokenizer: Tokenizer, words: Sequence[str]) -> list[str]:
    """Words that are more than one token after a space, in the middle of a text."""
    start = tokenizer.encode("a", add_special_tokens=False).ids
    encoded = tokenizer.encode_batch([f"a {word} a" for word in words], add_special_tokens=False)
    return [word for word, encoding in zip(words, encoded, strict=True) if len(encoding.ids) != 2 * len(start) + 1]


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes what `AutoTokenizer.from_pretrained` makes a fast tokenizer with pad and end tokens from: `FILES`."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    special = {"eos_token": END, "pad_token": PAD, "additional_special_tokens": list(SPECIAL_TOKENS[2:])}
    config = {
        **special,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": True,
        "model_max_length": 1 << 30,
    }
    for name, content in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
        (folder / name).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def fetch(name: str, revision: str) -> Path:
    """The tokenizer files of a hub repository, in the local cache.

    Raises:
        UserError: no such repository or revision, or no network.
    """
    # Takes a third of a second to import, so only where it is used.
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[*FILES, *OPTIONAL_FILES]))
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{name} at revision {revision}: cannot be fetched: {error}\n"
            "  Check name and revision on the hub, the network, and HF_HOME if the files are already in a cache."
        ) from error


def copy(source: Path, folder: Path) -> Tokenizer:
    """Copies the tokenizer files of a folder, nothing else, and loads them.

    Raises:
        UserError: no fast tokenizer in it, or one that does not name its end token.
    """
    present = [name for name in (*FILES, *OPTIONAL_FILES) if (source / name).is_file()]
    if missing := [name for name in FILES[:2] if name not in present]:
        raise UserError(
            f"{source}: no {missing[0]}, so no fast tokenizer (it needs {' and '.join(FILES[:2])}).\n"
            "  Convert it: AutoTokenizer.from_pretrained(...).save_pretrained(folder) with transformers."
        )
    for name in present:
        shutil.copyfile(source / name, folder / name)
    special = folder / "special_tokens_map.json"
    if not special.exists():
        config = _read_json(folder / "tokenizer_config.json")
        named = {key: config[key] for key in ("bos_token", "eos_token", "pad_token", "unk_token") if config.get(key)}
        special.write_text(json.dumps(named, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    tokenizer = load(folder)
    end_id(tokenizer, folder)
    return tokenizer


def load(folder: Path) -> Tokenizer:
    """The fast tokenizer of a folder; text that spells a special token is plain text to it.

    Raises:
        UserError: `tokenizer.json` is torn or of another format.
    """
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # `tokenizers` raises bare Exception
        message = f"{path}: `tokenizers` cannot read it: {error}\n  It is torn or too new: fetch it again."
        raise UserError(message) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # A document that quotes `<|end|>` must not end there.
    tokenizer.encode_special_tokens = True
    return tokenizer


def end_id(tokenizer: Tokenizer, folder: Path) -> int:
    """Id of the token that ends a document (`eos_token` of the tokenizer's config).

    Raises:
        UserError: none is named, or it is not in the vocabulary.
    """
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        token = _read_json(folder / name).get("eos_token")
        if token is None:
            continue
        content = token["content"] if isinstance(token, dict) else token
        number = tokenizer.token_to_id(content)
        if number is None:
            raise UserError(f"{folder / name}: eos_token is {content!r}, which is not in the vocabulary.")
        return number
    raise UserError(
        f"{folder}: the tokenizer names no eos_token, which must end every document.\n"
        '  Add it to tokenizer_config.json, such as "eos_token": "</s>".'
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, FileNotFoundError) as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}\n  Fetch the tokenizer again.") from error
