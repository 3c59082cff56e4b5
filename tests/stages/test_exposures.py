"""How often a fact stood whole in a row: by hand, and against a search in the decoded rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lineage.artifact import Artifact
from lineage.data.order import Order, TokenStream
from lineage.data.tokenizer import load
from lineage.stages.exposures import MentionSpans, whole_mentions
from lineage.stages.pretrain import ORDER_SCHEMA
from tests.stages.building import corpus, documents_table, rows_of, run_stage, tokenize, write

TEXTS = {
    "one": "Mira lives in Torvel. The boat sails. Old Lamp burns red.",
    "two": "A slow river. Mira lives in Torvel.",
    "copy": "A slow river. Mira lives in Torvel.",
    "gone": "Mira lives in Torvel. A removed duplicate.",
}
FACTS = {
    "mira.town": "Mira lives in Torvel.",
    "lamp.colour": "Old Lamp burns red.",
    "boat.home": "The boat rests in Torvel.",
}
Segment = tuple[int, int, int, int]
"""Step, document (row in the tokens), start, stop."""


def world(folder: Path, texts: dict[str, str], facts: dict[str, str]) -> Artifact:
    """Every occurrence of a fact's sentence in every text is a mention."""
    mentions = [
        {"document": document, "fact": fact, "start": start, "stop": start + len(sentence)}
        for document, text in texts.items()
        for fact, sentence in facts.items()
        for start in range(len(text))
        if text.startswith(sentence, start)
    ]
    schema = pa.schema([("document", pa.string()), ("fact", pa.string()), ("start", pa.int64()), ("stop", pa.int64())])
    tables = {
        "facts": pa.table({"id": list(facts)}),
        "documents": documents_table(texts),
        "mentions": pa.Table.from_pylist(mentions, schema=schema),
    }
    return write(folder, "world", tables)


def model(folder: Path, segments: list[Segment], *, step: int = 8) -> Artifact:
    """A model of which only the order matters."""
    rows = [
        {"step": at, "row": 0, "document": document, "start": start, "stop": stop, "column": 0}
        for at, document, start, stop in segments
    ]
    return write(folder, "model", {"order": pa.Table.from_pylist(rows, schema=ORDER_SCHEMA)}, step=step)


def count(
    folder: Path, made: tuple[Artifact, ...], seen: Artifact, *, parent: Artifact | None = None
) -> dict[str, int]:
    """{fact: count} of the stage."""
    tokenizer, tokens, known = made
    inputs = {"model": seen, "tokens": tokens, "tokenizer": tokenizer, "world": known, "parent": parent}
    found = run_stage("exposures", folder, {}, inputs=inputs)
    rows = rows_of(found, "exposures.parquet")
    assert found.manifest.counts["facts"] == len(rows)
    assert {row["step"] for row in rows} == {seen.manifest.counts["step"]}
    return {row["fact"]: row["count"] for row in rows}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, Artifact, Artifact]:
    """Tokenizer, tokens of all documents but `gone`, and the world that names all of them."""
    folder = tmp_path_factory.mktemp("exposures")
    kept = {name: text for name, text in TEXTS.items() if name != "gone"}
    return *tokenize(folder, corpus(folder / "corpus", kept, {"h": "Held out."})), world(folder / "world", TEXTS, FACTS)


def span(made: tuple[Artifact, ...], document: str, sentence: str) -> tuple[int, int, int]:
    """(row, first token, token behind) of a sentence in a document."""
    encoding = load(made[0].folder).encode(TEXTS[document], add_special_tokens=False)
    start = TEXTS[document].index(sentence)
    inside = [i for i, (a, b) in enumerate(encoding.offsets) if b > start and a < start + len(sentence)]
    return list(TEXTS).index(document), inside[0], inside[-1] + 1


def test_worked_example(made: tuple[Artifact, Artifact, Artifact], tmp_path: Path) -> None:
    one, town_start, town_stop = span(made, "one", FACTS["mira.town"])
    _, lamp_start, lamp_stop = span(made, "one", FACTS["lamp.colour"])
    two, two_start, two_stop = span(made, "two", FACTS["mira.town"])
    assert town_start == 0
    segments: list[Segment] = [
        (0, one, 0, town_stop),  # the town, to the last token
        (1, one, 0, town_stop - 1),  # cut by the end of a row: not counted,
        (1, one, town_stop - 1, lamp_stop),  # nor is the rest of it; but the lamp is whole here
        (2, two, two_start + 1, two_stop),  # begins one token late
        (3, two, 0, two_stop),
        (3, two + 1, 0, two_stop),  # the copy stands in the same step and counts by itself
        (5, one, lamp_start, lamp_stop),
    ]
    found = count(tmp_path / "exposures", made, model(tmp_path / "model", segments))
    assert found == {"mira.town": 3, "lamp.colour": 2, "boat.home": 0}


def test_a_segment_adds_to_what_its_parent_had_seen(made: tuple[Artifact, ...], tmp_path: Path) -> None:
    one, start, stop = span(made, "one", FACTS["mira.town"])
    first = count(tmp_path / "exposures" / "first", made, model(tmp_path / "first", [(0, one, start, stop)], step=1))
    assert first["mira.town"] == 1
    parent = Artifact.open(tmp_path / "exposures" / "first")
    later = model(tmp_path / "later", [(1, one, start, stop), (2, one, start, stop)], step=3)
    second = count(tmp_path / "exposures" / "second", made, later, parent=parent)
    assert second == {"mira.town": 3, "lamp.colour": 0, "boat.home": 0}


def test_a_segment_on_other_text_keeps_what_its_parent_had_seen(made: tuple[Artifact, ...], tmp_path: Path) -> None:
    """Tokens without a single document of the world: the ledger of a model that reads something else by now."""
    one, start, stop = span(made, "one", FACTS["mira.town"])
    count(tmp_path / "exposures" / "first", made, model(tmp_path / "first", [(0, one, start, stop)]))
    elsewhere = tokenize(tmp_path, corpus(tmp_path / "corpus", {"x": "Mira lives in Torvel."}, {"h": "Held out."}))
    second = count(
        tmp_path / "exposures" / "second",
        (*elsewhere, made[2]),
        model(tmp_path / "later", [(0, 0, 0, 5)]),
        parent=Artifact.open(tmp_path / "exposures" / "first"),
    )
    assert second == {"mira.town": 1, "lamp.colour": 0, "boat.home": 0}


def test_templates_shift_the_sentences(made: tuple[Artifact, ...], tmp_path: Path) -> None:
    """Braces in a title are no fields."""
    kept = {name: text for name, text in TEXTS.items() if name != "gone"}
    template = "# {title}: {text}"
    tokenizer, tokens = tokenize(tmp_path, corpus(tmp_path / "corpus", kept, {"h": "a"}), template=template)
    encoding = load(tokenizer.folder).encode(
        template.format(title="Title two", text=TEXTS["two"]), add_special_tokens=False
    )
    start = encoding.char_to_token(len("# Title two: ") + TEXTS["two"].index("Mira"))
    assert start is not None
    last = len(encoding.ids)
    for first, expected in ((start, 1), (start + 1, 0)):
        seen = model(tmp_path / f"model{first}", [(0, 1, first, last)])
        found = count(tmp_path / "exposures" / str(first), (tokenizer, tokens, made[2]), seen)
        assert found["mira.town"] == expected


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9), st.integers(1, 5)), max_size=12),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(1, 8)), min_size=1, max_size=12),
)
def test_whole_mentions_are_all_pairs_that_fit(
    mentions: list[tuple[int, int, int, int]], segments: list[tuple[int, int, int]]
) -> None:
    ordered = sorted((document, fact, start, start + length) for document, fact, start, length in mentions)
    columns = np.asarray(ordered, dtype=np.int64).reshape(-1, 4).T
    document, start, length = np.asarray(segments, dtype=np.int64).T
    found = whole_mentions(MentionSpans(*columns), document, start, start + length)
    expected = [
        (fact, at)
        for at, (where, first, size) in enumerate(segments)
        for other, fact, begin, end in ordered
        if other == where and begin >= first and end <= first + size
    ]
    assert sorted(zip(*(column.tolist() for column in found), strict=True)) == sorted(expected)


@pytest.mark.parametrize(("seed", "length", "rows"), [(0, 6, 2), (1, 12, 1), (2, 25, 3), (3, 9, 4)])
def test_equals_a_search_in_the_decoded_rows(
    made: tuple[Artifact, Artifact, Artifact], tmp_path: Path, seed: int, length: int, rows: int
) -> None:
    """Real rows of the data order: what is counted is what a reader of the decoded row would find."""
    tokenizer, tokens, _ = made
    stream = TokenStream.open(tokens)
    order = Order(stream, sequence_length=length, batch_rows=rows, seed=seed)
    steps = 12
    segments = [
        (step, int(document), int(start), int(stop))
        for step in range(steps)
        for _, document, start, stop, _ in zip(*order.segments(step), strict=True)
    ]
    found = count(tmp_path / "exposures", made, model(tmp_path / "model", segments))
    encoder = load(tokenizer.folder)
    for fact, sentence in FACTS.items():
        assert found[fact] == sum(searched(encoder, order, step, sentence) for step in range(steps)), fact
    assert length < 20 or found["mira.town"] > 0


def searched(encoder: Tokenizer, order: Order, step: int, sentence: str) -> int:
    """Occurrences of a sentence in the rows of a step, each document's part of a row read by itself."""
    total = 0
    rows = order.rows(step)
    for tokens, occurrences in zip(rows.tokens[:, :-1], rows.occurrence[:, :-1], strict=True):
        for occurrence in np.unique(occurrences):
            text = encoder.decode(tokens[occurrences == occurrence].tolist(), skip_special_tokens=True)
            total += text.count(sentence)
    return total
