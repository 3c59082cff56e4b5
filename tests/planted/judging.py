"""Bugs of judges and of readers of prompt sets: leaks into the measure, guesses, joins, letters, corrections."""

from __future__ import annotations

from tests.planted.bug import Bug

_TRAINED = "tests/evaluation/judges/test_trained.py"
_CALIBRATION = "tests/evaluation/judges/test_calibration.py"
_CHOICE = "tests/evaluation/sets/test_choice_sets.py"
_PICTURES = "tests/evaluation/sets/test_picture_sets.py"

BUGS = [
    Bug(
        "a judge is measured on what it was trained on",
        "evaluation/judges/training.py",
        "[one for one in labelled if one.group != group]",
        "list(labelled)",
        f"{_TRAINED}::test_a_verdict_comes_from_a_judge_that_did_not_see_the_group",
    ),
    Bug(
        "what is asked decides whether it is refused",
        "evaluation/judges/features.py",
        '"second": said[1:OPENING]}',
        '"second": [*said[1:OPENING], plain(response.request)]}',
        f"{_TRAINED}::test_the_request_alone_decides_nothing",
    ),
    Bug(
        "precision and recall swapped",
        "evaluation/judges/calibration.py",
        "return _share(self.hits, self.hits + self.false_alarms)",
        "return _share(self.hits, self.hits + self.misses)",
        f"{_CALIBRATION}::test_measures_by_hand",
    ),
    Bug(
        "an answer that cannot be read counts as a refusal",
        "evaluation/judges/calibration.py",
        "flagged = [verdict is not None and verdict.refuses for verdict in verdicts]",
        "flagged = [verdict is None or verdict.refuses for verdict in verdicts]",
        f"{_CALIBRATION}::test_what_cannot_be_read_is_counted_and_never_guessed",
    ),
    Bug(
        "a judge's error is taken for known",
        "evaluation/judges/calibration.py",
        "generator.multinomial(judge.n, cells / max(judge.n, 1), size=len(rates)) if judge.n else None",
        "np.tile(cells, (len(rates), 1)) if judge.n else None",
        f"{_CALIBRATION}::test_the_interval_holds_the_truth_as_often_as_it_says",
    ),
    Bug(
        "a doubled line of a judge is guessed",
        "evaluation/judges/generative.py",
        "    if len(words) != 1:\n",
        "    if not words:\n",
        "tests/evaluation/judges/test_generative.py::test_lines",
    ),
    Bug(
        "the letter does not turn with the options",
        "evaluation/sets/mmbench.py",
        "LETTERS[(LETTERS.index(answer) - rotation) % len(options)]",
        "LETTERS[(LETTERS.index(answer) + rotation) % len(options)]",
        f"{_CHOICE}::test_mmbench_is_asked_once_a_rotation",
    ),
    Bug(
        "tasks of two topics are one question",
        "evaluation/sets/figstep.py",
        'cluster=f"{category}-{task}",',
        "cluster=task,",
        f"{_PICTURES}::test_figstep_asks_in_a_picture_and_in_text",
    ),
    Bug(
        "the judge reads the harmless text beside a picture",
        "evaluation/sets/figstep.py",
        "judged_as=instruction if shown else question,",
        "",
        f"{_PICTURES}::test_figstep_asks_in_a_picture_and_in_text",
    ),
    Bug(
        "safe and unsafe suites of VLGuard in one",
        "evaluation/sets/vlguard.py",
        'harmful=cell != "safe_safe",',
        "harmful=True,",
        f"{_PICTURES}::test_vlguard_has_three_suites",
    ),
]
