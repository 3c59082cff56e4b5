"""One pass over the tree finds what writing out every identifier finds, in every mode."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.stats import spearmanr

from lineage.config.decoding import Decoding, GenerativeSearch
from lineage.retrieval.decoding.cached import CachedDecoder
from lineage.retrieval.decoding.retrieve import Ranking, queries_together, retrieve
from lineage.retrieval.decoding.scores import Continuations, Mode, continuations, log_mass
from lineage.retrieval.decoding.search import Finished, search
from lineage.retrieval.decoding.space import SearchSpace, tree_and_rows
from lineage.retrieval.prefix_tree import END, Ints
from lineage.retrieval.vocabulary import Vocabulary
from tests.retrieval.brute_force import BruteForce, queries, rows_of_symbols, tiny
from tests.retrieval.identifiers import corpora, tree_of

CPU = torch.device("cpu")
NUM_SYMBOLS = 7
ROUNDING = 2e-5
"""Nats: float32 sums over a batch of beams instead of one sequence (measured: 3e-6)."""
IDENTIFIERS = [
    [2],
    [2, 3],
    [4, 3],
    [2, 3],
    [5, 6, 2, 4],
    [5, 6],
    [3, 3, 3],
    [6],
    [4, 2, 2],
    [4, 2, 5],
    [5, 2],
    [2, 6, 6],
]
WIDE = 60
"""A beam that drops nothing of these corpora."""


def space_of(identifiers: Sequence[Sequence[int]], first_row: Ints) -> SearchSpace:
    return SearchSpace.of(tree_of(identifiers), first_row, CPU)


def found_by(space: SearchSpace, wanted: Decoding, num_queries: int = 3, *, seed: int = 0) -> Finished:
    ids, mask = queries(num_queries, space.num_rows, seed=seed)
    return search(CachedDecoder(tiny(space.num_rows), ids, mask), space, wanted, queries=num_queries)


def references(identifiers: Sequence[Sequence[int]], first_row: Ints, num_queries: int = 3) -> list[BruteForce]:
    model = tiny(int(first_row[-1]))
    ids, mask = queries(num_queries, int(first_row[-1]))
    return [BruteForce(model, *one, identifiers, first_row) for one in zip(ids, mask, strict=True)]


def symbols_of(space: SearchSpace, rows: torch.Tensor) -> tuple[int, ...]:
    """The identifier that rows spell, up to its end."""
    spelled = space.symbol_of_row[rows].tolist()
    return tuple(spelled[: spelled.index(END) + 1])


def as_scores(space: SearchSpace, finished: Finished, query: int, *, penalty: float) -> dict[tuple[int, ...], float]:
    """{identifier: log-probability} as found, in the order of scores."""
    found = {}
    for score, rows in zip(finished.score[query].tolist(), finished.rows[query], strict=True):
        if score > -math.inf:
            one = symbols_of(space, rows)
            found[one] = score * len(one) ** penalty
    return found


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("max", {}),
        ("marginal", {}),
        ("max", {"renormalize_over_legal": True}),
        ("marginal", {"renormalize_over_legal": True}),
        ("marginal", {"history": "mean"}),
    ],
)
def test_modes_over_symbols_equal_brute_force(mode: str, more: dict[str, object], penalty: float) -> None:
    first_row = rows_of_symbols(NUM_SYMBOLS)
    space = space_of(IDENTIFIERS, first_row)
    wanted = Decoding.model_validate({"mode": mode, "beam": WIDE, "length_penalty": penalty, **more})
    finished = found_by(space, wanted)
    history = str(more.get("history", "best"))
    for query, reference in enumerate(references(IDENTIFIERS, first_row)):
        expected = reference.greedy(mode, renormalize=bool(more.get("renormalize_over_legal")), history=history)
        found = as_scores(space, finished, query, penalty=penalty)
        assert found == pytest.approx(expected, abs=ROUNDING)
        by_score = sorted(expected, key=lambda one: -expected[one] / len(one) ** penalty)
        assert list(found) == by_score


def test_all_paths_equal_brute_force() -> None:
    first_row = rows_of_symbols(NUM_SYMBOLS)
    space = space_of(IDENTIFIERS, first_row)
    finished = found_by(space, Decoding(mode="all", beam=400, length_penalty=0.0))
    for query, reference in enumerate(references(IDENTIFIERS, first_row)):
        expected = {path: value for path, (_, value) in reference.paths().items()}
        found = {
            tuple(rows[rows > 0].tolist()): score
            for score, rows in zip(finished.score[query].tolist(), finished.rows[query], strict=True)
            if score > -math.inf
        }
        assert found == pytest.approx(expected, abs=ROUNDING)


def test_exact_mode_gives_the_log_probability_of_each_own_path() -> None:
    paths = [[2, 3], [2, 5], [9, 3], [4], [4, 8, 8], [2, 3]]
    num_rows = 12
    space = space_of(paths, np.arange(num_rows + 1))
    finished = found_by(space, Decoding(mode="exact", beam=WIDE, length_penalty=0.0))
    for query, reference in enumerate(references(paths, np.arange(num_rows + 1))):
        expected = {one: reference.of_path(one) for one in reference.identifiers}
        assert as_scores(space, finished, query, penalty=0) == pytest.approx(expected, abs=ROUNDING)


def prefix_function(identifiers: Sequence[Sequence[int]], first_row: Ints) -> object:
    """What `generate` may write next, looked up in a dict of prefixes."""
    symbol_of_row = np.repeat(np.arange(len(first_row) - 1), np.diff(first_row)).tolist()
    follows: dict[tuple[int, ...], set[int]] = {}
    for one in identifiers:
        for length in range(len(one) + 1):
            follows.setdefault(tuple(one[:length]), set()).add((*one, END)[length])

    def allowed(_query: int, written: torch.Tensor) -> list[int]:
        symbols = follows.get(tuple(symbol_of_row[row] for row in written.tolist()[1:]), {0})
        return [row for symbol in sorted(symbols) for row in range(first_row[symbol], first_row[symbol + 1])]

    return allowed


@pytest.mark.parametrize("beam", [2, 5, 12])
@pytest.mark.parametrize("stopping", ["never", "full"])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_mode_all_equals_generate_duplicates_too(beam: int, stopping: str, penalty: float) -> None:
    first_row = rows_of_symbols(NUM_SYMBOLS)
    space = space_of(IDENTIFIERS, first_row)
    wanted = {"mode": "all", "beam": beam, "early_stopping": stopping, "length_penalty": penalty}
    finished = found_by(space, Decoding.model_validate(wanted))
    ids, mask = queries(3, space.num_rows)
    made = tiny(space.num_rows).generate(
        input_ids=ids, attention_mask=mask, num_beams=beam, num_return_sequences=beam, do_sample=False,
        early_stopping="never" if stopping == "never" else True, length_penalty=penalty,
        max_new_tokens=space.tree.depth, prefix_allowed_tokens_fn=prefix_function(IDENTIFIERS, first_row),
        return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    allowed = {(*one, END) for one in IDENTIFIERS}
    for query in range(3):
        theirs = []
        for at in range(query * beam, (query + 1) * beam):
            rows = made.sequences[at, 1:].tolist()
            path = tuple(rows[: rows.index(END) + 1]) if END in rows else ()
            if path and symbols_of(space, torch.tensor(path)) in allowed:
                theirs.append((path, made.sequences_scores[at].item()))
        ours = [
            (tuple(rows[rows > 0].tolist()), score)
            for rows, score in zip(finished.rows[query], finished.score[query].tolist(), strict=True)
            if score > -math.inf
        ]
        assert [path for path, _ in ours] == [path for path, _ in theirs]
        assert [score for _, score in ours] == pytest.approx([score for _, score in theirs], abs=ROUNDING)


def test_mode_all_writes_a_title_twice_and_the_others_never() -> None:
    space = space_of(IDENTIFIERS, rows_of_symbols(NUM_SYMBOLS))
    twice = found_by(space, Decoding(mode="all", beam=12)).leaf[0].tolist()
    assert len(set(twice)) < len(twice)
    once = found_by(space, Decoding(mode="max", beam=12)).leaf[0].tolist()
    assert len(set(once)) == len(once)


@settings(max_examples=20, deadline=None)
@given(corpora())
def test_any_corpus_gives_its_identifiers_once_each_with_scores_that_are_probabilities(corpus: list[list[int]]) -> None:
    first_row = rows_of_symbols(NUM_SYMBOLS)
    space = space_of(corpus, first_row)
    known = {(*one, END) for one in corpus}
    totals = {}
    for mode in ("max", "marginal"):
        wanted = Decoding.model_validate({"mode": mode, "beam": WIDE, "length_penalty": 0.0})
        finished = found_by(space, wanted, 2)
        leaves = [leaf for leaf in finished.leaf[1].tolist() if leaf >= 0]
        assert len(set(leaves)) == len(leaves) == len(known)
        totals[mode] = as_scores(space, finished, 1, penalty=0)
        assert set(totals[mode]) == known
    assert all(totals["max"][one] <= totals["marginal"][one] + ROUNDING for one in known)
    assert sum(map(math.exp, totals["marginal"].values())) <= 1 + ROUNDING


@settings(max_examples=10, deadline=None)
@given(corpora())
def test_a_beam_of_n_finds_n_identifiers_or_all(corpus: list[list[int]]) -> None:
    space = space_of(corpus, rows_of_symbols(NUM_SYMBOLS))
    for beam in (1, 2, 4):
        for mode in ("max", "marginal"):
            finished = found_by(space, Decoding.model_validate({"mode": mode, "beam": beam}), 2)
            assert ((finished.leaf >= 0).sum(dim=1) == min(beam, space.tree.num_leaves)).all()


@settings(max_examples=10, deadline=None)
@given(corpora())
def test_with_one_row_a_symbol_all_modes_agree(corpus: list[list[int]]) -> None:
    space = space_of(corpus, np.arange(NUM_SYMBOLS + 1))
    scores = [
        as_scores(space, found_by(space, Decoding.model_validate({"mode": mode, "beam": WIDE}), 2), 1, penalty=1)
        for mode in ("max", "marginal", "all", "exact")
    ]
    for other in scores[1:]:
        assert list(other) == list(scores[0])
        assert other == pytest.approx(scores[0], abs=ROUNDING)


@pytest.mark.parametrize("mode", ["all", "max", "marginal"])
def test_a_pass_over_all_rows_gives_what_a_pass_over_the_children_gives(mode: Mode) -> None:
    space = space_of(IDENTIFIERS, rows_of_symbols(NUM_SYMBOLS))
    wide = SearchSpace(**{**vars(space), "most_rows": [1000] * space.tree.depth})
    drawn = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, space.num_rows, generator=drawn)
    for level, nodes in enumerate([torch.zeros(2, 4, dtype=torch.long), torch.tensor([[1, 2, 3, 4], [4, 4, 1, 2]])]):
        child, legal = space.children(nodes, level, None)
        narrow, broad = (continuations(logits, one, child, legal, level, mode) for one in (space, wide))
        assert as_set(narrow) == pytest.approx(as_set(broad), abs=1e-5)
        masses = [log_mass(logits, one, child, legal, level, over_legal=True) for one in (space, wide)]
        torch.testing.assert_close(*masses)


def as_set(found: Continuations) -> dict[tuple[int, ...], float]:
    """{(query, beam, child, row): score} of what may follow."""
    score, child, row = found
    row = torch.zeros_like(child) if row is None else row
    return {
        (query, beam, int(child[query, beam, at]), int(row[query, beam, at])): float(score[query, beam, at])
        for query, beam, at in (score > -torch.inf).nonzero().tolist()
    }


def test_the_marginal_of_the_study_ranks_as_the_exact_one_does() -> None:
    """Not equal: later rows are read after the best row only. On tiny random models the ranks agree closely."""
    first_row = rows_of_symbols(NUM_SYMBOLS)
    for reference in references(IDENTIFIERS, first_row):
        exact, ours = reference.marginal(), reference.greedy("marginal")
        assert sum(map(math.exp, exact.values())) <= 1
        assert spearmanr([exact[one] for one in exact], [ours[one] for one in exact]).statistic > 0.95


def documents_found(wanted: Decoding, *, depth: int, together: int | None = None) -> list[Ranking]:
    space = space_of(IDENTIFIERS, rows_of_symbols(NUM_SYMBOLS))
    ids, mask = queries(5, space.num_rows)
    model = tiny(space.num_rows)
    if together is None:
        return retrieve(model, space, ids, mask, wanted, depth=depth)
    parts = zip(ids.split(together), mask.split(together), strict=True)
    return [one for part in parts for one in retrieve(model, space, *part, wanted, depth=depth)]


def test_documents_that_share_a_title_stand_together() -> None:
    for one in documents_found(Decoding(beam=12), depth=12):
        assert sorted(one.documents) == list(range(12))
        first, second = one.documents.index(1), one.documents.index(3)
        assert second == first + 1
        assert one.scores[first] == one.scores[second]
        assert one.scores == sorted(one.scores, reverse=True)


def test_a_title_by_several_paths_is_named_once() -> None:
    for one in documents_found(Decoding(mode="all", beam=12), depth=12):
        assert len(set(one.documents)) == len(one.documents) < 12


def test_fewer_documents_are_the_first_of_more() -> None:
    many, few = documents_found(Decoding(beam=12), depth=9), documents_found(Decoding(beam=12), depth=4)
    assert [one.documents[:4] for one in many] == [one.documents for one in few]


def test_how_many_queries_are_decoded_together_changes_nothing() -> None:
    wanted = Decoding(beam=6)
    whole, parts = documents_found(wanted, depth=5), documents_found(wanted, depth=5, together=2)
    assert [one.documents for one in whole] == [one.documents for one in parts]


def test_memory_bounds_how_many_queries_are_decoded_together() -> None:
    space = space_of(IDENTIFIERS, rows_of_symbols(NUM_SYMBOLS))
    few = queries_together(space, Decoding(), num_rows=100, step_bytes=40_000)
    assert 1 <= few < queries_together(space, Decoding(), num_rows=100, step_bytes=400_000)
    assert queries_together(space, Decoding(), num_rows=100, step_bytes=1) == 1


def test_the_papers_rounds_find_everything_once_round_by_round() -> None:
    wanted = Decoding(mode="all", beam=3, rounds="paper", early_stopping="full")
    by_rounds = documents_found(wanted, depth=11)
    first = documents_found(Decoding(mode="all", beam=3, early_stopping="full"), depth=3)
    for one, begun in zip(by_rounds, first, strict=True):
        assert len(set(one.documents)) == len(one.documents) == 11
        leaves = list(dict.fromkeys(begun.leaves))
        assert list(dict.fromkeys(one.leaves))[: len(leaves)] == leaves
    assert any(one.scores != sorted(one.scores, reverse=True) for one in by_rounds)


def test_a_model_of_another_vocabulary_is_refused() -> None:
    space = space_of(IDENTIFIERS, rows_of_symbols(NUM_SYMBOLS))
    ids, mask = queries(1, 5)
    with pytest.raises(ValueError, match="has 5 rows, but the tree was built for"):
        retrieve(tiny(5), space, ids, mask, Decoding(), depth=1)


def test_a_vocabulary_is_searched_by_tokens_or_by_own_paths() -> None:
    vocabulary = Vocabulary.of_paths(np.array([0, 1, 2, 5, 6]), np.arange(4, dtype=np.int32), [[3, 5], [2], [4, 5]])
    by_token, by_path = (SearchSpace.of(*tree_and_rows(vocabulary, mode), CPU) for mode in ("marginal", "exact"))
    assert by_token.tree.num_leaves == 2
    assert by_token.tree.documents_of(int(by_token.tree.leaf.max())).tolist() == [0, 2]
    assert by_path.tree.num_leaves == 3
    assert by_token.num_rows == by_path.num_rows == 6


def test_a_tree_over_symbols_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="the tree holds symbol 6, but the vocabulary has only 4"):
        space_of(IDENTIFIERS, np.arange(5))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"depth": 20}, r"raise decoding\.beam to 20"),
        ({"decoding": {"mode": "max", "history": "mean"}}, "only `marginal` has a mean"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(raw: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GenerativeSearch.model_validate(raw)


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["all", "max", "marginal"])
def test_nothing_is_read_back_from_the_gpu_between_steps(mode: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    device = torch.device("cuda")
    first_row = rows_of_symbols(NUM_SYMBOLS)
    space = SearchSpace.of(tree_of(IDENTIFIERS), first_row, device)
    ids, mask = (one.to(device) for one in queries(3, space.num_rows))
    wanted = Decoding.model_validate({"mode": mode, "beam": 4})
    decoder = CachedDecoder(tiny(space.num_rows).to(device), ids, mask)
    torch.cuda.set_sync_debug_mode("error")
    try:
        finished = search(decoder, space, wanted, queries=3)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    on_cpu = SearchSpace.of(tree_of(IDENTIFIERS), first_row, CPU)
    cpu_decoder = CachedDecoder(tiny(space.num_rows), ids.cpu(), mask.cpu())
    expected = search(cpu_decoder, on_cpu, wanted, queries=3)
    assert finished.leaf.cpu().tolist() == expected.leaf.tolist()
