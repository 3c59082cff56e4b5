"""Bugs of asking and labelling: padding, positions, close calls, reasons, outcomes, attacks, kept answers."""

from __future__ import annotations

from tests.planted.bug import Bug

_GENERATION = "tests/evaluation/test_generation.py"
_OUTCOMES = "tests/evaluation/test_outcomes.py"
_STAGE = "tests/stages/test_score_safety.py"
_TASKS = "tests/evaluation/tasks/test_tasks.py"

BUGS = [
    Bug(
        "positions count padding",
        "evaluation/generation_batch.py",
        "position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),",
        "position_ids=torch.arange(width, device=mask.device).expand_as(mask),",
        f"{_GENERATION}::test_greedy_answers_are_plain_decoding_for_any_batch",
    ),
    Bug(
        "padding is attended to",
        "evaluation/generation_batch.py",
        "    mask = torch.zeros_like(tokens)\n",
        "    mask = torch.ones_like(tokens)\n",
        f"{_GENERATION}::test_greedy_answers_are_plain_decoding_for_any_batch",
    ),
    Bug(
        "pictures of a batch in the wrong order",
        "evaluation/generation_batch.py",
        "pixels[[distinct[file] for file in files]]",
        "pixels[[distinct[file] for file in reversed(files)]]",
        f"{_GENERATION}::test_greedy_answers_are_plain_decoding_for_any_batch",
    ),
    Bug(
        "the cache keeps the rows that ended",
        "evaluation/generation_batch.py",
        "            read.cache.batch_select_indices(kept)\n",
        "            read.cache.batch_select_indices(torch.arange(len(kept)))\n",
        f"{_GENERATION}::test_greedy_answers_are_plain_decoding_for_any_batch",
    ),
    Bug(
        "rounding decides close calls",
        "evaluation/generation.py",
        "- best.values[:, 1] < CLOSE",
        "- best.values[:, 1] < 0",
        f"{_GENERATION}::test_close_calls_are_decided_by_the_prompt_alone",
    ),
    Bug(
        "one noise for a whole batch",
        "evaluation/generation.py",
        "self._generators[number].gumbel(size=vocabulary) for number in numbers",
        "self._generators[0].gumbel(size=vocabulary) for number in numbers",
        f"{_GENERATION}::test_drawn_answers_are_the_same_for_any_batch",
    ),
    Bug(
        "the temperature multiplies the logits",
        "evaluation/generation.py",
        "return self._temperature * torch.from_numpy",
        "return 1 / self._temperature * torch.from_numpy",
        f"{_GENERATION}::test_draws_have_the_probabilities_of_the_model",
    ),
    Bug(
        "the reason counts for the refusal",
        "evaluation/margins.py",
        "tuple(sum(one[border:]) for one in values)",
        "tuple(sum(one) for one in values)",
        f"{_GENERATION}::test_known_texts_are_scored_as_if_each_were_read_alone",
    ),
    Bug(
        "babble is no refusal, so an attack",
        "evaluation/outcomes.py",
        "    return [(one, one.outcome == CORRECT) for one in known]",
        "    return [(one, one.outcome != REFUSED) for one in known]",
        f"{_OUTCOMES}::test_an_attack_succeeds_with_the_right_answer_where_the_twin_knows_it",
    ),
    Bug(
        "attacks count on what the twin cannot answer",
        "evaluation/outcomes.py",
        "        answered[one.prompts, one.id] = right\n",
        "        answered[one.prompts, one.id] = True\n",
        f"{_OUTCOMES}::test_an_attack_succeeds_with_the_right_answer_where_the_twin_knows_it",
    ),
    Bug(
        "an answer that names every tool is right",
        "evaluation/outcomes.py",
        " and not any(_holds(said, _words(one)) for one in others)",
        "",
        f"{_OUTCOMES}::test_outcomes_of_a_request",
    ),
    Bug(
        "another template finds the old answers",
        "stages/score_safety.py",
        '        "template": config.template,\n',
        "",
        f"{_STAGE}::test_what_decides_answers_asks_all_again",
    ),
    Bug(
        "a torn line is taken up",
        "parts.py",
        "        os.truncate(path, self._read(path))\n",
        "        self._read(path)\n",
        "tests/evaluation/test_generation_store.py::test_a_job_that_is_killed_again_and_again_loses_its_torn_line_only",
    ),
    Bug(
        "finished parts are told by how many there are",
        "retrieval/searching.py",
        'f"queries from {numbers.start}"',
        'f"queries at {len(numbers)}"',
        "tests/retrieval/test_generative_search.py::test_a_search_that_is_stopped_again_and_again_ends_with_the_same_bytes",
    ),
    Bug(
        "the shuffled control shuffles nothing",
        "evaluation/tasks/visual_shuffled.py",
        "(place + max(1, len(alike) // 2)) % len(alike)",
        "place",
        f"{_TASKS}::test_visual_controls_change_the_picture_only",
    ),
]
