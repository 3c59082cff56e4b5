"""Bugs of retrieval: sets and their splits, queries about the world, runs, measures, tests, BM25."""

from __future__ import annotations

from tests.planted.bug import Bug

BUGS = [
    # Sets.
    Bug(
        "a grade of 0 is relevant",
        "retrieval/splits.py",
        "if one.grade > 0:",
        "if one.grade >= 0:",
        "tests/retrieval/test_splits.py::test_unseen_documents_lose_every_training_query",
    ),
    Bug(
        "synthetic queries show their documents",
        "retrieval/splits.py",
        'if one.split == "train" and not one.kind.startswith(SYNTHETIC)',
        'if one.split != "train" or not one.kind.startswith(SYNTHETIC)',
        "tests/retrieval/test_sets.py::test_beir",
    ),
    Bug(
        "a repeated question is split by its spacing",
        "retrieval/splits.py",
        'one.cluster or " ".join(one.text.lower().split())',
        "one.cluster or one.text",
        "tests/retrieval/test_splits.py::test_a_repeated_question_is_in_one_split",
    ),
    Bug(
        "a suffix that is a title itself",
        "retrieval/sets/identifiers.py",
        "        while _key(candidate) in self._taken:\n            number += 1",
        "        if _key(candidate) in self._taken:\n            number += 1",
        "tests/retrieval/test_checks.py::test_disambiguated_identifiers_differ",
    ),
    Bug(
        "unknown documents pass",
        "retrieval/sets/intake.py",
        "check_documents(raw.judgements, missing, raw.place)",
        "pass",
        "tests/retrieval/test_checks.py::test_bad_judgements",
    ),
    Bug(
        "inverted grades pass",
        "retrieval/sets/checks.py",
        "if everywhere and total - len(zeros) >= _INVERTED * len(zeros):",
        "if False:",
        "tests/retrieval/test_checks.py::test_inverted_grades",
    ),
    Bug(
        "the title of a page is its first paragraph",
        "retrieval/sets/kilt.py",
        '"\\n".join(paragraphs[1:])',
        '"\\n".join(paragraphs)',
        "tests/retrieval/test_sets.py::test_kilt",
    ),
    # Queries about the world.
    Bug(
        "a query names its document",
        "world/queries.py",
        'if kind == "named" or not _names(question, text):',
        "if True:",
        "tests/retrieval/test_world_queries.py::test_a_wording_that_names_its_subject_is_not_taken",
    ),
    Bug(
        "training tells test facts",
        "world/queries.py",
        "if not one.tells_test_fact:",
        "if True:",
        "tests/retrieval/test_world_queries.py::test_no_training_or_validation_query_tells_a_fact_of_known_exposure",
    ),
    Bug(
        "unseen articles train",
        "world/queries.py",
        "if not unseen.isdisjoint(question.documents):",
        "if False:",
        "tests/retrieval/test_world_queries.py::test_unseen_articles_are_never_trained",
    ),
    Bug(
        "the split goes by wording",
        "world/queries.py",
        'lot = stream(config.seed, "query split", question.key).random()',
        'lot = stream(config.seed, "query split", str(id(question))).random()',
        "tests/retrieval/test_world_queries.py::test_the_stage",
    ),
    # Runs and fusion.
    Bug(
        "equal scores stay equal",
        "retrieval/runs.py",
        "falling[index] = min(falling[index], np.nextafter(falling[index - 1], np.float32(-np.inf)))",
        "falling[index] = min(falling[index], falling[index - 1])",
        "tests/retrieval/test_runs.py::test_trec_eval_keeps_the_order_of_equal_scores",
    ),
    Bug(
        "ranks are counted from 0",
        "retrieval/fusion.py",
        "for rank, document in enumerate(ranking, 1):",
        "for rank, document in enumerate(ranking):",
        "tests/retrieval/test_runs.py::test_fusion_by_hand",
    ),
    # Measures.
    Bug(
        "a query without a relevant document counts as missed",
        "retrieval/measures.py",
        "return any(grade > 0 for grade in grades.values())",
        "return any(grade >= 0 for grade in grades.values())",
        "tests/retrieval/test_measures.py::test_measures_by_hand",
    ),
    Bug(
        "the mean over evidence sets, not the best",
        "retrieval/kilt.py",
        "return max((",
        "return sum((",
        "tests/retrieval/test_measures.py::test_kilt_fixtures_give_the_values_of_kilt",
    ),
    Bug(
        "a slot stays where the first page of its set was",
        "retrieval/kilt.py",
        "ranking = [slot for slot in ranking if slot is True or slot is False or slot != number]",
        "ranking = list(ranking)",
        "tests/retrieval/test_measures.py::test_slots_by_hand",
    ),
    Bug(
        "questions of one title count alone",
        "retrieval/tables.py",
        "return self.cluster or self.id",
        "return self.id",
        "tests/retrieval/test_search_stages.py::test_means_stand_apart_for_kinds_and_for_seen_documents",
    ),
    Bug(
        "a one-sided test",
        "retrieval/significance.py",
        "as_large += (np.abs(signs @ sums) >= observed).sum(axis=0)",
        "as_large += ((signs @ sums) >= observed).sum(axis=0)",
        "tests/retrieval/test_significance.py::test_the_sign_flip_test_is_exact_in_the_limit",
    ),
    Bug(
        "second minus first",
        "retrieval/scoring.py",
        "arrays[first] - arrays[second] for first, second in pairs",
        "arrays[second] - arrays[first] for first, second in pairs",
        "tests/retrieval/test_search_stages.py::test_differences_pair_the_same_queries",
    ),
    # BM25.
    Bug(
        "short words are stemmed",
        "retrieval/analyzer.py",
        "_STEMMED_FROM = 3",
        "_STEMMED_FROM = 1",
        "tests/retrieval/test_bm25.py::test_terms",
    ),
    Bug(
        "terms of a query count once",
        "retrieval/bm25.py",
        "for term in terms(query) if term in self._scorer.vocab_dict]",
        "for term in dict.fromkeys(terms(query)) if term in self._scorer.vocab_dict]",
        "tests/retrieval/test_bm25.py::test_scores_are_those_of_the_formula",
    ),
    Bug(
        "documents without a term of the query are found",
        "retrieval/bm25.py",
        "rows = np.flatnonzero((scores >= floor) & (scores > 0))",
        "rows = np.flatnonzero(scores >= floor)",
        "tests/retrieval/test_bm25.py::test_the_best_are_the_first_of_a_full_sort",
    ),
    Bug(
        "equal scores in any order",
        "retrieval/bm25.py",
        'order = np.argsort(-scores[rows], kind="stable")[:depth]',
        'order = np.argsort(scores[rows], kind="stable")[::-1][:depth]',
        "tests/retrieval/test_bm25.py::test_equal_scores_stand_in_the_order_of_the_documents",
    ),
    # Claims.
    Bug(
        "retrievers are chosen on test queries",
        "claims/retrieval/choice.py",
        "study.figure(one, HITS, of=Queries(set, VALIDATION)).value",
        "study.figure(one, HITS, of=Queries(set)).value",
        "tests/claims/test_retrieval.py::test_trials_are_chosen_on_validation_queries",
    ),
    Bug(
        "retrievers of unequal training are compared",
        "claims/retrieval/choice.py",
        "if min(spent.values()) < EQUAL_BUDGET * max(spent.values()):",
        "if False:",
        "tests/claims/test_retrieval.py::test_unequal_training_is_not_testable_and_shows_the_ratio",
    ),
    Bug(
        "a bi-encoder gets its pretraining for nothing",
        "plan/retrieval_study.py",
        "spent = dict(_pretrained(experiment, entry.encoder))",
        "spent = {}",
        "tests/workflow/test_presets.py::test_every_arm_of_the_retrieval_preset_has_equal_steps_pairs_and_trials",
    ),
    Bug(
        "decodings of other checkpoints are compared",
        "claims/retrieval/r6.py",
        "study.figure(trials[place], measure, of=queries)",
        "study.figure(trials[0], measure, of=queries)",
        "tests/claims/test_retrieval.py::test_r6_compares_searches_with_the_same_checkpoint",
    ),
    Bug(
        "measures are corrected together with retrievers",
        "retrieval/scoring.py",
        "np.array([holm(family.tolist()) for family in families]).T.ravel()",
        "np.array(holm(p.tolist()))",
        "tests/retrieval/test_significance.py::test_differences_are_corrected_over_all_pairs_of_one_measure_and_group",
    ),
    Bug(
        "a checkpoint renews the vocabulary",
        "plan/generative.py",
        "if first in entry.renewals and entry.vocabulary:",
        "if first and entry.vocabulary:",
        "tests/retrieval/test_generative_plan.py::test_a_checkpoint_on_the_way_renews_nothing",
    ),
]
