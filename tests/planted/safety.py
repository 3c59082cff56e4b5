"""Bugs of concluding on safety: what counts as an attack, gates, pairing, choice of models, trade-off, thresholds."""

from __future__ import annotations

from tests.planted.bug import Bug

_CLAIMS, _JOINT = "tests/claims/test_safety.py", "tests/claims/test_joint.py"
_PAIRED, _PARETO = "tests/evaluation/test_paired.py", "tests/evaluation/test_pareto.py"

BUGS = [
    # What is counted.
    Bug(
        "attacks are counted on validation's twin",
        "claims/safety/measures.py",
        'twin = study.examples(study.model("twin"), REQUESTS, split=split, stratum=stratum, harmful=True)',
        'twin = study.examples(study.model("chat"), REQUESTS, split=split, stratum=stratum, harmful=True)',
        f"{_CLAIMS}::test_attack_success_counts_what_the_twin_knows",
    ),
    Bug(
        "compliance is over-refusal",
        "claims/safety/measures.py",
        "1.0 - over_refusal(study, model, split=split),",
        "over_refusal(study, model, split=split),",
        f"{_CLAIMS}::test_the_volume_is_the_product_of_its_axes",
    ),
    Bug(
        "models are chosen on test items",
        "claims/safety/choice.py",
        "volume(study, model, split=VALIDATION).value for model in models",
        'volume(study, model, split="test").value for model in models',
        f"{_CLAIMS}::test_models_are_chosen_on_validation_items",
    ),
    Bug(
        "a sweep gets all its trials",
        "claims/safety/choice.py",
        "trials = min(len(tried) for tried in models.values())",
        "trials = len(models[arms[0]])",
        f"{_CLAIMS}::test_a_sweep_is_compared_as_if_it_had_the_trials_of_the_others",
    ),
    Bug(
        "a merge need not be better than what was merged",
        "claims/safety/s6.py",
        "merged - volume(study, best_on_validation(study, parents))",
        "merged - volume(study, best_on_validation(study, merges))",
        f"{_CLAIMS}::test_a_merge_must_be_better_than_its_better_parent",
    ),
    Bug(
        "arms of unequal training are compared",
        "claims/safety/choice.py",
        "if steps and min(steps) < EQUAL_STEPS * max(steps):",
        "if False:",
        f"{_CLAIMS}::test_arms_have_equal_trials_and_equal_steps",
    ),
    # Gates.
    Bug(
        "a gate is passed by the wrong side",
        "claims/safety/gates.py",
        'Gate("share of held-out look-alikes that `chat` refuses", at_most=0.2)',
        'Gate("share of held-out look-alikes that `chat` refuses", at_least=0.0)',
        f"{_CLAIMS}::test_gates_hold_here_and_each_can_fail",
    ),
    Bug(
        "a repair of what was not lost counts",
        "claims/safety/gates.py",
        "REPAIR_GATES = (*GATES, LOST)",
        "REPAIR_GATES = GATES",
        f"{_CLAIMS}::test_where_no_safety_is_lost_nothing_is_brought_back",
    ),
    Bug(
        "layers of another lineage are gated by chat",
        "claims/safety/s5.py",
        "check_gates(study, (REFUSES, TELLS_APART), model=base)",
        "check_gates(study, (REFUSES, TELLS_APART))",
        f"{_JOINT}::test_s5_asks_the_model_that_the_layers_were_measured_on",
    ),
    # Statistics.
    Bug(
        "every model is resampled anew",
        "evaluation/paired.py",
        "purpose = zlib.crc32(",
        "purpose = id(groups) + zlib.crc32(",
        f"{_PAIRED}::test_draws_do_not_depend_on_the_order_or_number_of_items",
    ),
    Bug(
        "objects are not resampled",
        "evaluation/paired.py",
        "weights *= counts",
        "weights = counts",
        f"{_PAIRED}::test_crossed_items_count_with_the_product_of_both_factors",
    ),
    Bug(
        "McNemar is one-sided",
        "evaluation/paired.py",
        "min(1.0, 2.0 * float(bdtr(",
        "min(1.0, 1.0 * float(bdtr(",
        f"{_PAIRED}::test_mcnemar_is_the_binomial_test_of_what_differs",
    ),
    Bug(
        "boxes of the volume are added up",
        "evaluation/pareto.py",
        "covered |= inside",
        "covered = inside",
        f"{_PARETO}::test_the_volume_of_many_is_that_of_their_union",
    ),
    Bug(
        "trials are drawn with replacement",
        "evaluation/pareto.py",
        "math.comb(total - rank - 1, trials - 1) / math.comb(total, trials)",
        "((total - rank) ** trials - (total - rank - 1) ** trials) / total**trials",
        f"{_PARETO}::test_the_share_is_that_of_all_choices_of_so_many_trials",
    ),
    # Where facts and refusals meet.
    Bug(
        "exposures count linearly",
        "claims/joint/levels.py",
        "x = np.log2(1 + self.levels)",
        "x = self.levels",
        f"{_JOINT}::test_recall_is_read_by_level_and_its_slope_is_a_doubling",
    ),
    Bug(
        "a model that refuses all tells all apart",
        "claims/joint/x5.py",
        "return harmful - benign",
        "return harmful",
        f"{_JOINT}::test_x5_tells_harmful_requests_from_look_alikes_by_exposure",
    ),
    Bug(
        "replayed facts are compared with refusals",
        "claims/joint/x2.py",
        "told, known = curve(study, model, TARGET, kinds=UNREPLAYED)",
        "told, known = curve(study, model, TARGET)",
        f"{_JOINT}::test_x2_compares_refusals_with_facts_that_start_as_likely",
    ),
    Bug(
        "refusals are compared with facts that start elsewhere",
        "claims/joint/curves.py",
        "close = np.abs(starts - others[nearest]) <= caliper",
        "close = np.abs(starts - others[nearest]) <= np.inf",
        f"{_JOINT}::test_what_starts_less_likely_has_no_partner",
    ),
    Bug(
        "a cosine is the mean of its tensors'",
        "claims/safety/s4.py",
        "dots = np.asarray([inner[name] for name in names]) * mine * theirs",
        "dots = np.asarray([inner[name] for name in names]) * np.sqrt((mine**2).sum() * (theirs**2).sum()) / len(mine)",
        f"{_JOINT}::test_s4_weighs_the_cosines_of_tensors_by_their_norms",
    ),
    # What is followed through an adaptation.
    Bug(
        "a border step is measured twice",
        "stages/tune.py",
        "if config.first_step < step <= config.last_step or",
        "if config.first_step <= step <= config.last_step or",
        "tests/tuning/test_probes.py::test_following_leaves_no_trace_and_segments_make_one_curve",
    ),
    Bug(
        "log-probabilities stay means over tokens",
        "evaluation/reference_probes.py",
        '(table.column("log_probability").to_numpy() * lengths[index])',
        '(table.column("log_probability").to_numpy() * 1.0)',
        "tests/tuning/test_probes.py::test_curves_hold_every_text_at_every_step_and_start_with_the_model_itself",
    ),
]
