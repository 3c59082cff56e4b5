"""Constrained decoding beside a dict trie behind `prefix_allowed_tokens_fn`, at 100,000 titles.

    python bench/decoding.py [--titles 100000] [--rows 32000] [--beam 10] [--queries 16] [--threads 2] [--skip calls]

*Constraint a step*: with transformers the time in its prefix processor (a Python call a beam, which walks the trie and
lists the rows that may follow, and a mask over the vocabulary); ours the time to find children and score their rows.
*Selection* is what our search does besides: top-k, finished titles, reordering the cache. Forward pass and normaliser
are on both sides and in neither figure. Mode `all` must find the same paths with the same scores as `generate`.

*100 documents a query*: the released code calls `generate` again and again on a trie without the titles found so far
(up to 200 calls a query, here 4 queries together: that side takes minutes); ours is one pass with a beam of 100. Its
`rounds: paper` must find the same titles as the calls. The copy of the trie that the released code makes for each query
is not timed: here only the dicts on the way to a deleted title are copied.

*Growth*: seconds, bytes of the tree and peak memory of building it, for up to 1,000,000 titles.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList, T5Config, T5ForConditionalGeneration
from transformers.generation.logits_process import PrefixConstrainedLogitsProcessor

from lineage.config.decoding import Decoding
from lineage.retrieval.decoding import search as search_module
from lineage.retrieval.decoding.cached import CachedDecoder
from lineage.retrieval.decoding.retrieve import retrieve
from lineage.retrieval.decoding.search import Finished, search
from lineage.retrieval.decoding.space import SearchSpace
from lineage.retrieval.prefix_tree import END, Ints, PrefixTree, build

MEAN_TOKENS = 6.25
"""Tokens of a title, as in KILT's Wikipedia (36.9 million of 5.9 million pages)."""
ROWS_OF_SYMBOL = 5
"""The most rows that a token has: the paper's k."""
QUERY_TOKENS = 24
DOCUMENTS = 100
CALLED_QUERIES = 4
MOST_CALLS = 200
GROWTH = (100_000, 200_000, 500_000, 1_000_000)
CLOCKS: list[Callable[[], float]] = [time.perf_counter]
"""The last one is read: wall time, or with `--cpu-time` the processor time of this process, which neighbours on a busy
machine stretch less."""
TOLERANCE = 1e-4
"""Nats: rounding of float32 in batches of another shape."""


def made_titles(count: int, num_symbols: int) -> tuple[Ints, Ints]:
    """Zipf-distributed tokens, lengths around `MEAN_TOKENS`; symbols with ends, and where each title begins."""
    drawn = np.random.default_rng(0)
    lengths = np.clip(np.round(drawn.gamma(6.0, MEAN_TOKENS / 6.0, count)), 1, 24).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths + 1)])
    weights = 1.0 / np.arange(10, num_symbols + 8)
    symbols = 2 + drawn.choice(num_symbols - 2, offsets[-1], p=weights / weights.sum()).astype(np.int32)
    symbols[offsets[1:] - 1] = END
    return symbols, offsets


def made_rows(num_rows: int) -> Ints:
    """[symbol + 1] where the rows of each symbol begin: 1 to 5 rows each, frequent symbols 5."""
    sizes = [1, 1]
    while sum(sizes) < num_rows:
        sizes.append(min(ROWS_OF_SYMBOL if len(sizes) < num_rows // 8 else 1, num_rows - sum(sizes)))
    return np.concatenate([[0], np.cumsum(sizes)])


def made_model(num_rows: int) -> T5ForConditionalGeneration:
    torch.manual_seed(0)
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=num_rows, d_model=64, d_kv=16, d_ff=256, num_layers=2, num_decoder_layers=2, num_heads=4,
            decoder_start_token_id=0,
        )
    ).eval()  # fmt: skip


class DictTrie:
    """Nested dicts of symbols, as every prefix function of the field walks them."""

    def __init__(self, symbols: Ints, offsets: Ints, first_row: Ints):
        self.root: dict[int, Any] = {}
        listed = symbols.tolist()
        for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            node = self.root
            for symbol in listed[start:stop]:
                node = node.setdefault(symbol, {})
        self._symbol_of_row = np.repeat(np.arange(len(first_row) - 1), np.diff(first_row)).tolist()
        bounds = first_row.tolist()
        self._rows = [list(range(first, last)) for first, last in itertools.pairwise(bounds)]

    def spelled(self, rows: list[int]) -> tuple[int, ...]:
        return tuple(self._symbol_of_row[row] for row in rows)

    def allowed(self, root: dict[int, Any], written: list[int]) -> list[int]:
        """Rows that may follow; padding after an end, which `generate` must be given."""
        node = root
        for row in written:
            node = node.get(self._symbol_of_row[row])
            if node is None:
                return [0]
        return [row for symbol in node for row in self._rows[symbol]] or [0]

    def num_bytes(self) -> int:
        waiting, total = [self.root], 0
        while waiting:
            node = waiting.pop()
            total += sys.getsizeof(node)
            waiting += node.values()
        return total


def without(root: dict[int, Any], path: tuple[int, ...]) -> dict[int, Any]:
    """The trie without one title; only the dicts on the way to it are copied."""
    copied = dict(root)
    below = without(copied[path[0]], path[1:]) if len(path) > 1 else {}
    if below:
        copied[path[0]] = below
    else:
        del copied[path[0]]
    return copied


class TimedProcessor(LogitsProcessor):
    """A processor of transformers, with the time spent in it."""

    def __init__(self, inner: LogitsProcessor):
        self._inner, self.seconds = inner, list[float]()

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        begin = CLOCKS[-1]()
        processed = self._inner(input_ids, scores)
        self.seconds.append(CLOCKS[-1]() - begin)
        return processed


def generated(
    model: T5ForConditionalGeneration, trie: DictTrie, roots: list[dict[int, Any]], ids: Tensor, beam: int,
    steps: int, *, early_stopping: Any,
) -> tuple[list[list[tuple[tuple[int, ...], float]]], list[float]]:  # fmt: skip
    """[query] the rows and scores of the titles that `generate` finds, and seconds of the constraint by step."""
    processor = TimedProcessor(
        PrefixConstrainedLogitsProcessor(lambda query, rows: trie.allowed(roots[query], rows.tolist()[1:]), beam)
    )
    made: Any = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), num_beams=beam, num_return_sequences=beam,
        do_sample=False, early_stopping=early_stopping, length_penalty=1.0, max_new_tokens=steps,
        logits_processor=LogitsProcessorList([processor]), return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    found: list[list[tuple[tuple[int, ...], float]]] = [[] for _ in ids]
    for at, (rows, score) in enumerate(
        zip(made.sequences[:, 1:].tolist(), made.sequences_scores.tolist(), strict=True)
    ):
        if END in rows:
            path = tuple(rows[: rows.index(END) + 1])
            if trie.allowed(roots[at // beam], list(path[:-1])).count(END):
                found[at // beam].append((path, score))
    return found, processor.seconds


@contextmanager
def timed(owner: Any, name: str, seconds: list[float]) -> Iterator[None]:
    """Adds up the time of each call of a function while the context lasts."""
    inner = getattr(owner, name)

    def outer(*given: Any, **named: Any) -> Any:
        begin = CLOCKS[-1]()
        result = inner(*given, **named)
        seconds.append(CLOCKS[-1]() - begin)
        return result

    setattr(owner, name, outer)
    try:
        yield
    finally:
        setattr(owner, name, inner)


def searched(
    model: T5ForConditionalGeneration, space: SearchSpace, ids: Tensor, wanted: Decoding
) -> tuple[Finished, dict[str, float]]:
    """What our search finds, and milliseconds of a step by part."""
    parts: dict[str, list[float]] = {"forward": [], "normaliser": [], "children": [], "scores": []}
    begin = CLOCKS[-1]()
    with (
        timed(CachedDecoder, "logits", parts["forward"]),
        timed(search_module, "log_mass", parts["normaliser"]),
        timed(SearchSpace, "children", parts["children"]),
        timed(search_module, "continuations", parts["scores"]),
    ):
        finished = search(CachedDecoder(model, ids, torch.ones_like(ids)), space, wanted, queries=len(ids))
    steps = len(parts["forward"])
    step = {name: 1000 * sum(values) / steps for name, values in parts.items()}
    whole = 1000 * (CLOCKS[-1]() - begin) / steps
    constraint = step["children"] + step["scores"]
    selection = whole - sum(step.values())
    return finished, {"whole": whole, "constraint": constraint, "selection": selection, "forward": step["forward"]}


def median(rounds: int, measure: Callable[[], tuple[Any, dict[str, float]]]) -> tuple[Any, dict[str, float]]:
    """The last result, and the median of each figure."""
    runs = [measure() for _ in range(rounds)]
    return runs[-1][0], {name: statistics.median(figures[name] for _, figures in runs) for name in runs[0][1]}


def compare_steps(model: Any, space: SearchSpace, trie: DictTrie, ids: Tensor, beam: int, rounds: int) -> None:
    """One search: the constraint a step, the whole, and whether both find the same."""
    roots = [trie.root] * len(ids)

    def theirs() -> tuple[Any, dict[str, float]]:
        begin = CLOCKS[-1]()
        found, seconds = generated(model, trie, roots, ids, beam, space.tree.depth, early_stopping="never")
        whole = CLOCKS[-1]() - begin
        return found, {"constraint": 1000 * statistics.fmean(seconds), "whole": 1000 * whole / len(seconds)}

    found, peer = median(rounds, theirs)
    print(f"generate   a step {peer['whole']:8.2f} ms, of which constraint {peer['constraint']:8.2f} ms")
    for mode in ("all", "max", "marginal"):
        wanted = Decoding.model_validate({"mode": mode, "beam": beam})
        finished, ours = median(rounds, lambda wanted=wanted: searched(model, space, ids, wanted))
        print(
            f"{mode:<10} a step {ours['whole']:8.2f} ms, of which constraint {ours['constraint']:8.2f} ms,"
            f" selection {ours['selection']:.2f} ms, forward {ours['forward']:.2f} ms;"
            f" constraint {peer['constraint'] / ours['constraint']:.0f}x less"
            f" ({peer['constraint'] / (ours['constraint'] + ours['selection']):.0f}x with selection),"
            f" step {peer['whole'] / ours['whole']:.1f}x faster"
        )
        if mode == "all":
            check_same(found, finished)


def check_same(theirs: list[list[tuple[tuple[int, ...], float]]], ours: Finished) -> None:
    for query, expected in enumerate(theirs):
        kept = [at for at, score in enumerate(ours.score[query].tolist()) if score > -np.inf]
        paths = [tuple(ours.rows[query, at][ours.rows[query, at] > 0].tolist()) for at in kept]
        if paths != [path for path, _ in expected]:
            raise SystemExit(f"query {query}: generate found {expected}, mode `all` {paths}")
        worst = max(abs(ours.score[query, at].item() - score) for at, (_, score) in zip(kept, expected, strict=True))
        if worst > TOLERANCE:
            raise SystemExit(f"query {query}: scores differ by {worst}")
    print(f"           same {sum(map(len, theirs))} paths and scores as generate")


def compare_calls(
    model: Any, space: SearchSpace, trie: DictTrie, ids: Tensor, beam: int, offsets: Ints, symbols: Ints
) -> None:
    """100 documents a query: repeated calls beside one pass."""
    begin = CLOCKS[-1]()
    names = repeated(model, trie, ids, beam, space.tree.depth)
    calls_seconds = CLOCKS[-1]() - begin
    wanted = Decoding(mode="all", beam=beam, rounds="paper", early_stopping="full")
    begin = CLOCKS[-1]()
    by_rounds = retrieve(model, space, ids, torch.ones_like(ids), wanted, depth=DOCUMENTS)
    rounds_seconds = CLOCKS[-1]() - begin
    for query, one in enumerate(by_rounds):
        spelled = [tuple(symbols[offsets[at] : offsets[at + 1]].tolist()) for at in one.documents]
        if list(dict.fromkeys(spelled))[:50] != names[query][:50]:
            raise SystemExit(f"query {query}: repeated calls and `rounds: paper` found different titles")
    print(f"{DOCUMENTS} documents a query: repeated generate {1000 * calls_seconds / len(ids):.0f} ms a query,")
    print(f"  rounds: paper {1000 * rounds_seconds / len(ids):.0f} ms, the same titles")
    for mode in ("max", "marginal"):
        one_pass = Decoding.model_validate({"mode": mode, "beam": DOCUMENTS})
        begin = CLOCKS[-1]()
        found = retrieve(model, space, ids, torch.ones_like(ids), one_pass, depth=DOCUMENTS)
        seconds = CLOCKS[-1]() - begin
        if any(len(set(one.documents)) != DOCUMENTS for one in found):
            raise SystemExit(f"{mode}: not {DOCUMENTS} different documents for each query")
        print(
            f"  one pass, {mode}: {1000 * seconds / len(ids):.0f} ms a query, {calls_seconds / seconds:.1f}x faster"
            f" than repeated calls, {DOCUMENTS} different documents for each query"
        )


def repeated(model: Any, trie: DictTrie, ids: Tensor, beam: int, steps: int) -> list[list[tuple[int, ...]]]:
    """[query] titles in the order in which calls on ever smaller tries find them."""
    found: list[list[tuple[int, ...]]] = [[] for _ in ids]
    roots = [trie.root] * len(ids)
    for _ in range(MOST_CALLS):
        waiting = [at for at, one in enumerate(found) if len(one) < DOCUMENTS]
        if not waiting:
            break
        made, _ = generated(
            model, trie, [roots[at] for at in waiting], ids[waiting], beam, steps, early_stopping=True
        )  # fmt: skip
        for at, hypotheses in zip(waiting, made, strict=True):
            for path, _ in hypotheses:
                title = trie.spelled(list(path))
                if title not in found[at]:
                    found[at].append(title)
                    roots[at] = without(roots[at], title)
    return found


def compare_growth(first_row: Ints) -> None:
    """Building and memory for more and more titles."""
    for count in GROWTH:
        symbols, offsets = made_titles(count, len(first_row) - 1)
        begin = CLOCKS[-1]()
        build(symbols, offsets)
        seconds = CLOCKS[-1]() - begin
        tracemalloc.start()
        tree = build(symbols, offsets)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"{count:>9,} titles, {tree.num_nodes:>9,} nodes: built in {seconds:.2f} s ({1e6 * seconds / count:.2f} us"
            f" a title), {tree.num_bytes / count:.0f} bytes a title, {peak / count:.0f} at the peak"
        )


def main() -> None:
    """Prints every figure; exits with an error where outputs differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=32_000)
    parser.add_argument("--beam", type=int, default=10)
    parser.add_argument("--queries", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="repetitions, of which medians are shown")
    parser.add_argument("--skip", nargs="*", choices=["steps", "calls", "growth"], default=[])
    parser.add_argument("--cpu-time", action="store_true", help="processor time instead of wall time; with --threads 1")
    arguments = parser.parse_args()
    if arguments.cpu_time:
        CLOCKS.append(time.process_time)
    torch.set_num_threads(arguments.threads)
    first_row = made_rows(arguments.rows)
    symbols, offsets = made_titles(arguments.titles, len(first_row) - 1)
    tree: PrefixTree = build(symbols, offsets)
    trie, model = DictTrie(symbols, offsets, first_row), made_model(arguments.rows)
    space = SearchSpace.of(tree, first_row, torch.device("cpu"))
    ids = torch.from_numpy(np.random.default_rng(1).integers(2, arguments.rows, (arguments.queries, QUERY_TOKENS)))
    print(
        f"{arguments.titles:,} titles, {tree.num_nodes:,} nodes, depth {tree.depth}, {arguments.rows:,} rows of"
        f" {len(first_row) - 1:,} tokens, beam {arguments.beam}, {arguments.queries} queries, {arguments.threads}"
        f" threads, torch {torch.__version__}; tree {tree.num_bytes / arguments.titles:.0f} bytes a title, dict trie"
        f" {trie.num_bytes() / arguments.titles:.0f}"
    )
    if "steps" not in arguments.skip:
        compare_steps(model, space, trie, ids, arguments.beam, arguments.rounds)
    if "calls" not in arguments.skip:
        compare_calls(model, space, trie, ids[:CALLED_QUERIES], arguments.beam, offsets, symbols)
    if "growth" not in arguments.skip:
        compare_growth(first_row)


if __name__ == "__main__":
    main()
