"""Bugs of the prefix tree, of constrained decoding, of dense retrieval and its bottleneck."""

from __future__ import annotations

from tests.planted.bug import Bug

_TREE = "tests/retrieval/test_prefix_tree.py"
_DECODING = "tests/retrieval/test_decoding.py"
_DENSE = "tests/retrieval/test_dense.py"
_BOTTLENECK = "tests/retrieval/test_bottleneck.py"

BUGS = [
    # The tree and what may follow.
    Bug(
        "documents of equal titles lose their order",
        "retrieval/prefix_tree.py",
        'order = np.argsort(keys, kind="stable")',
        "order = np.lexsort((-np.arange(len(keys)), keys))",
        f"{_TREE}::test_equal_titles_share_a_leaf_in_the_order_of_documents",
    ),
    Bug(
        "the tree admits a sibling",
        "retrieval/decoding/space.py",
        "legal = place < count.unsqueeze(-1)",
        "legal = place <= count.unsqueeze(-1)",
        f"{_DECODING}::test_modes_over_symbols_equal_brute_force",
    ),
    Bug(
        "a row of the next symbol counts too",
        "retrieval/decoding/space.py",
        "present = place < self.first_row[symbol + 1].unsqueeze(-1) - first",
        "present = place <= self.first_row[symbol + 1].unsqueeze(-1) - first",
        f"{_DECODING}::test_modes_over_symbols_equal_brute_force",
    ),
    # Scores.
    Bug(
        "the marginal is the best row",
        "retrieval/decoding/scores.py",
        'values.amax(dim=-2) if mode == "max" else values.logsumexp(dim=-2)',
        "values.amax(dim=-2)",
        f"{_DECODING}::test_modes_over_symbols_equal_brute_force",
    ),
    Bug(
        "length leaves out the end",
        "retrieval/decoding/search.py",
        "score = score / float(step.level + 1) ** settings.length_penalty",
        "score = score / float(max(step.level, 1)) ** settings.length_penalty",
        f"{_DECODING}::test_mode_all_equals_generate_duplicates_too",
    ),
    Bug(
        "titles finish anywhere in the beam",
        "retrieval/decoding/search.py",
        "return places.topk(min(beam, places.shape[1]), dim=1).indices",
        "return places.topk(min(2 * beam, places.shape[1]), dim=1).indices",
        f"{_DECODING}::test_mode_all_equals_generate_duplicates_too",
    ),
    Bug(
        "the cache is not reordered",
        "retrieval/decoding/cached.py",
        "self._cache.self_attention_cache.reorder_cache(chosen)",
        "self._cache.self_attention_cache.reorder_cache(chosen.sort().values)",
        f"{_DECODING}::test_modes_over_symbols_equal_brute_force",
    ),
    Bug(
        "the search stops while a better title may come",
        "retrieval/decoding/search.py",
        "best = beams.score.amax(dim=1) / float(depth) ** settings.length_penalty",
        "best = beams.score.amax(dim=1) / float(depth) ** settings.length_penalty - 2.0",
        f"{_DECODING}::test_mode_all_equals_generate_duplicates_too",
    ),
    Bug(
        "a title found by two paths is named twice",
        "retrieval/decoding/retrieve.py",
        "        if leaf in seen:",
        "        if leaf in seen and len(seen) > len(tree.leaf):",
        f"{_DECODING}::test_a_title_by_several_paths_is_named_once",
    ),
    Bug(
        "removed titles come again",
        "retrieval/decoding/space.py",
        "legal = legal & ~blocked.gather(1, child.flatten(1)).view_as(child)",
        "legal = legal | blocked.gather(1, child.flatten(1)).view_as(child)",
        f"{_DECODING}::test_the_papers_rounds_find_everything_once_round_by_round",
    ),
    # Dense retrieval.
    Bug(
        "padding is pooled",
        "retrieval/dense.py",
        "return states.masked_fill(~present, 0).sum(dim=1) / present.sum(dim=1).clamp_min(1)",
        "return states.mean(dim=1)",
        f"{_DENSE}::test_each_pooling_by_hand_leaves_padding_out",
    ),
    Bug(
        "other relevant documents are rivals",
        "losses/in_batch.py",
        'outputs.float().masked_fill(targets["no_rival"] & ~own, float("-inf"))',
        "outputs.float()",
        f"{_DENSE}::test_the_loss_by_hand_leaves_relevant_documents_of_others_out",
    ),
    Bug(
        "an index of another model is opened",
        "retrieval/nearest.py",
        "same=origin.model == model",
        "same=bool(model)",
        f"{_DENSE}::test_an_index_is_opened_only_with_its_own_model_and_documents",
    ),
    Bug(
        "the end counts in the mean of a path",
        "retrieval/dense.py",
        "    own[vocabulary.path_first[1:] - 1] = False\n",
        "    own[vocabulary.path_first[:-1]] = False\n",
        f"{_DENSE}::test_path_vectors_are_means_of_own_rows_without_the_end",
    ),
    Bug(
        "answers are rivals of each other",
        "retrieval/bottleneck.py",
        "others = outputs.masked_fill(answering, -torch.inf).logsumexp(dim=1, keepdim=True)",
        "others = outputs.logsumexp(dim=1, keepdim=True)",
        f"{_BOTTLENECK}::test_the_loss_by_hand_sets_answers_against_others_only",
    ),
]
