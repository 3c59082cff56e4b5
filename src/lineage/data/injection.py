"""Which fact meets which text at which step and row: a pure function of facts, schedule and tokenizer.

An *encounter* of a fact is one injection of its text. Fact f of an arm with interval I and n encounters meets its text
at steps offset, offset + I, ..., offset + (n - 1) I of the run, where step t is the update that follows t updates. Its
text stands at the head of a row of that step, ended like a document, and pushes the end of the row out:

    row before   a b c d e f g h        row after   P P P . a b c d

(Chang et al. 2024, arXiv 2406.11813, appendix D; there all facts start at step 0, one group.)

In the null world `no_injection` steps, rows and texts are those of the full world, but the run reads decoys there: it
differs from its twin, which keeps the background, by texts of facts that nothing asks for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lineage.config.injection import Arm, Injections
from lineage.data.facts import Fact
from lineage.errors import UserError

Tokens = list[int]


@dataclass(frozen=True)
class PlannedFact:
    """When one fact is met and probed, in steps of the run."""

    fact: str
    arm: str
    offset: int
    """Step of the first encounter, planned or virtual."""
    interval: int
    encounter_steps: list[int]
    """Steps at which it is injected; none in the placebo, none in the null world `no_injection`."""
    schedule_steps: list[int]
    """The same as if it had as many encounters as the longest arm of its interval: what the placebo is measured on. In
    the null world `no_injection` the steps at which it would be injected."""
    probed_steps: list[int]


@dataclass(frozen=True)
class Injection:
    """One row of one step that holds a text."""

    step: int
    row: int
    fact: str
    arm: str
    encounter: int
    variant: int
    """0: the passage; k: the k-th paraphrase."""
    copy: int
    tokens: int


@dataclass(frozen=True)
class InjectionPlan:
    """All of a run."""

    facts: list[PlannedFact]
    injections: list[Injection]
    texts: dict[tuple[str, int], Tokens]
    """(fact, variant) to its tokens, the end token included."""
    decoys: dict[tuple[str, int], Tokens]
    """The same keys to what a twin, or the run of the null world `no_injection`, gets in their place; empty where none
    are planned."""


def plan_injections(
    facts: Sequence[Fact], schedule: Injections, texts: Mapping[tuple[str, int], Tokens]
) -> InjectionPlan:
    """The plan of a run; `texts` holds the tokens of every passage (variant 0) and paraphrase (1, 2, ...).

    Raises:
        UserError: too few facts or paraphrases, a text longer than a row, more rows at a step than the batch holds.
    """
    arms = deal(facts, schedule)
    needed = {
        (fact.id, variant): texts[fact.id, variant]
        for name, members in arms.items()
        for fact in members
        for variant in _variants(schedule, schedule.arms[name])
    }
    _check_lengths(needed, schedule)
    planned, injections = _place(arms, schedule, needed)
    _check_rows(injections, schedule)
    decoys = _decoys(facts, arms, needed, texts) if schedule.decoys else {}
    _check_lengths(decoys, schedule)
    if schedule.null == "no_injection":
        planned = [
            replace(one, encounter_steps=[], schedule_steps=one.encounter_steps or one.schedule_steps)
            for one in planned
        ]
    return InjectionPlan(planned, injections, {key: needed[key] for key in sorted(needed)}, decoys)


def deal(facts: Sequence[Fact], schedule: Injections) -> dict[str, list[Fact]]:
    """Facts by arm, no fact in two of them.

    Arms with paraphrases choose first, then arms that repeat the passage, so that both can draw on the same facts in
    turn (rotation r starts r blocks further, a block being the facts of the first arm); then the others.

    Raises:
        UserError: fewer facts, or facts with enough paraphrases, than the arms need.
    """
    worded = [fact for fact in facts if len(fact.paraphrases) > 0]
    plain = [fact for fact in facts if len(fact.paraphrases) == 0]
    order = sorted(schedule.arms, key=lambda name: _choice_rank(schedule.arms[name]))
    block = schedule.arms[order[0]].facts
    pool = _rotated(worded, schedule.rotation * block) + _rotated(plain, schedule.rotation * block)
    dealt: dict[str, list[Fact]] = {}
    for name in order:
        arm = schedule.arms[name]
        needed = max((variant for variant in _variants(schedule, arm)), default=0)
        chosen = [fact for fact in pool if len(fact.paraphrases) >= needed][: arm.facts]
        if len(chosen) < arm.facts:
            words = f" with {needed} paraphrases" if needed else ""
            raise UserError(
                f"arms.{name}.facts is {arm.facts}, but only {len(chosen)} facts{words} are left of {len(facts)}"
                f" ({len(worded)} of them with paraphrases).\n"
                "  Lower `facts` of an arm or its `encounters`, or make more (`world.injection_people`)."
            )
        taken = {fact.id for fact in chosen}
        pool = [fact for fact in pool if fact.id not in taken]
        dealt[name] = chosen
    return {name: dealt[name] for name in schedule.arms}


def _decoys(
    facts: Sequence[Fact],
    arms: Mapping[str, Sequence[Fact]],
    needed: Mapping[tuple[str, int], Tokens],
    texts: Mapping[tuple[str, int], Tokens],
) -> dict[tuple[str, int], Tokens]:
    """For each injected text one of a fact that no arm has: the same variant, or its passage where it has fewer.

    Raises:
        UserError: every fact is in an arm.
    """
    dealt = {fact.id for members in arms.values() for fact in members}
    left = [fact for fact in facts if fact.id not in dealt]
    if not left:
        raise UserError(
            f"decoys are asked for (`twin: decoys`, or the null world no_injection), but all {len(facts)} facts are"
            " dealt to arms, so none is left to take their place.\n"
            "  Give the run more facts than its arms need (`limit`, `world.injection_people`), or set `twin: original`."
        )
    stand_in = {
        fact: left[number % len(left)].id for number, fact in enumerate(dict.fromkeys(fact for fact, _ in needed))
    }
    return {(fact, variant): texts.get((stand_in[fact], variant), texts[stand_in[fact], 0]) for fact, variant in needed}


def _choice_rank(arm: Arm) -> int:
    if arm.texts == "paraphrases" and arm.encounters > 1:
        return 0
    return 1 if arm.encounters > 1 else 2


def _rotated(facts: list[Fact], by: int) -> list[Fact]:
    cut = by % len(facts) if facts else 0
    return facts[cut:] + facts[:cut]


def _variants(schedule: Injections, arm: Arm) -> list[int]:
    """The text of each encounter of an arm: 0, 1, 2, ... with paraphrases, else 0 each time."""
    worded = arm.texts == "paraphrases" and schedule.null != "same_text"
    return [encounter if worded else 0 for encounter in range(arm.encounters)]


def _check_lengths(texts: Mapping[tuple[str, int], Tokens], schedule: Injections) -> None:
    longest = schedule.optimization.sequence_length
    too_long = [(fact, variant, len(tokens)) for (fact, variant), tokens in texts.items() if len(tokens) > longest]
    if too_long:
        shown = ", ".join(
            f"{fact} ({f'paraphrase {variant}' if variant else 'passage'}): {length}"
            for fact, variant, length in too_long[:8]
        )
        raise UserError(
            f"{len(too_long)} texts are longer than optimization.sequence_length, {longest} tokens, with their end"
            f" token: {shown}{', ...' if len(too_long) > 8 else ''}.\n"
            "  Raise `sequence_length` (and the model's `max_position_embeddings`); a text is never cut."
        )


def _place(
    arms: Mapping[str, Sequence[Fact]], schedule: Injections, texts: Mapping[tuple[str, int], Tokens]
) -> tuple[list[PlannedFact], list[Injection]]:
    """Steps and rows; with `fixed_share` in the fewest groups that keep every step within its share and its rows.

    Raises:
        UserError: no number of groups keeps to the share.
    """
    placement, batch_tokens = schedule.placement, schedule.optimization.batch_tokens
    if placement.mode != "fixed_share":
        return _in_groups(placement.groups, arms, schedule, texts)
    largest = math.inf
    for groups in range(1, schedule.interval + 1):
        planned, injections = _in_groups(groups, arms, schedule, texts)
        most = max(tokens_of_step(injections).values(), default=0)
        rows_fit = _fullest(injections) < schedule.optimization.batch_rows or groups == schedule.interval
        if rows_fit and most <= placement.token_share * batch_tokens:
            return planned, injections
        largest = min(largest, most)
    raise UserError(
        f"placement.token_share is {placement.token_share:g} of a batch of {batch_tokens} tokens, but with any number"
        f" of groups up to {schedule.interval}, one a step of the interval, a step injects {largest} tokens or more:"
        f" a share of {math.ceil(1000 * largest / batch_tokens) / 1000:g}.\n"
        "  Raise `token_share`, `interval` or the batch, or lower `facts` of the arms."
    )


def _in_groups(
    groups: int, arms: Mapping[str, Sequence[Fact]], schedule: Injections, texts: Mapping[tuple[str, int], Tokens]
) -> tuple[list[PlannedFact], list[Injection]]:
    offsets = schedule.group_offsets(groups)
    group_of = deal_groups(arms, schedule, groups)
    planned = [
        _when(fact.id, name, schedule, offsets[group_of[fact.id]]) for name, members in arms.items() for fact in members
    ]
    return _with_probed_steps(planned, schedule), _rows(planned, schedule, texts)


def deal_groups(arms: Mapping[str, Sequence[Fact]], schedule: Injections, groups: int) -> dict[str, int]:
    """{fact: group}: as many injected facts in each group as in any other, the facts of every arm spread over all.

    So each step injects as much as any other, and no arm comes earlier than another.
    """
    injected = [name for name in arms if schedule.arms[name].encounters > 0]
    never = [name for name in arms if schedule.arms[name].encounters == 0]
    dealt: dict[str, int] = {}
    for names in (injected, never):
        places = sorted(
            ((position + (rank + 0.5) / len(names)) / len(arms[name]), rank, fact.id)
            for rank, name in enumerate(names)
            for position, fact in enumerate(arms[name])
        )
        dealt |= {fact: place * groups // len(places) for place, (_, _, fact) in enumerate(places)}
    return dealt


def _when(fact: str, name: str, schedule: Injections, group_offset: int) -> PlannedFact:
    arm = schedule.arms[name]
    interval = schedule.arm_interval(arm)
    alike = [one for one in schedule.arms.values() if schedule.arm_interval(one) == interval]
    longest = max(max(one.encounters for one in alike), 1)
    span = (longest - 1) * interval
    first = schedule.burn_in_steps + group_offset + (schedule.span_steps - span if schedule.align == "last" else 0)
    steps = [first + encounter * interval for encounter in range(longest)]
    return PlannedFact(fact, name, first, interval, steps[: arm.encounters], steps, [])


def _with_probed_steps(planned: list[PlannedFact], schedule: Injections) -> list[PlannedFact]:
    """Facts that are never injected are probed whenever any fact is: they measure the spill-over of every arm."""
    own = [probed_steps(one, schedule) for one in planned]
    union = sorted(set().union(*own))
    return [
        PlannedFact(
            one.fact, one.arm, one.offset, one.interval, one.encounter_steps, one.schedule_steps,
            union if schedule.arms[one.arm].encounters == 0 else steps,
        )
        for one, steps in zip(planned, own, strict=True)
    ]  # fmt: skip


def probed_steps(fact: PlannedFact, schedule: Injections) -> list[int]:
    """Before each encounter and after each step of the window behind it, then ever more rarely.

    Step s means the weights after s updates, so v[t_i] is probed at the encounter's own step. A fact that is met less
    often than its schedule says has windows behind its own encounters only; one that never is, behind all.
    """
    found = {0, schedule.steps}
    window = min(schedule.window_steps, fact.interval)
    begins = fact.encounter_steps or fact.schedule_steps
    for begin, end in zip(begins, [*begins[1:], schedule.steps], strict=True):
        found.update(range(begin, min(begin + window, end) + 1))
        lag = window
        while begin + lag < end:
            found.add(begin + lag)
            lag = max(lag + 1, round(lag * 10 ** (1 / schedule.probing.per_decade)))
        found.add(end)
    return sorted(found)


def _rows(
    planned: Sequence[PlannedFact], schedule: Injections, texts: Mapping[tuple[str, int], Tokens]
) -> list[Injection]:
    """The rows of each step, from its first."""
    due: dict[int, list[tuple[PlannedFact, int]]] = {}
    for one in planned:
        for encounter, step in enumerate(one.encounter_steps):
            due.setdefault(step, []).append((one, encounter))
    found: list[Injection] = []
    for step in sorted(due):
        row = 0
        for one, encounter in due[step]:
            variant = _variants(schedule, schedule.arms[one.arm])[encounter]
            for copy in range(schedule.rows_per_encounter):
                length = len(texts[one.fact, variant])
                found.append(Injection(step, row, one.fact, one.arm, encounter, variant, copy, length))
                row += 1
    return found


def tokens_of_step(injections: Sequence[Injection]) -> dict[int, int]:
    """{step: injected tokens} of the steps that inject."""
    found: dict[int, int] = {}
    for one in injections:
        found[one.step] = found.get(one.step, 0) + one.tokens
    return found


def _fullest(injections: Sequence[Injection]) -> int:
    """The largest number of a row that holds a text."""
    return max((one.row for one in injections), default=0)


def _check_rows(injections: Sequence[Injection], schedule: Injections) -> None:
    batch, copies, rows = schedule.optimization, schedule.rows_per_encounter, _fullest(injections) + 1
    if rows > batch.batch_rows:
        step = next(one.step for one in injections if one.row == rows - 1)
        raise UserError(
            f"step {step} would inject {rows // copies} texts in {rows} rows ({copies} a text), but the batch holds"
            f" {batch.batch_rows} (batch_tokens {batch.batch_tokens} / sequence_length {batch.sequence_length}).\n"
            "  Raise `placement.groups` or the batch, or lower `facts` of the arms."
        )


def inject_rows(tokens: np.ndarray, occurrence: np.ndarray, texts: Sequence[tuple[int, Tokens]]) -> None:
    """Puts each text at the head of its row, in place; `tokens` and `occurrence` are [row, S + 1] as in `Rows`.

    The text is a document of its own: its occurrence is a negative number that no other document has. The row's last
    column, a target only, moves along: after the change it is the token that the row had `len(text)` columns before.
    """
    width = tokens.shape[1]
    for number, (row, text) in enumerate(texts):
        assert len(text) < width, "a text fits into a row (checked when it was planned)"
        kept = width - len(text)
        tokens[row] = np.concatenate([np.asarray(text), tokens[row, :kept]])
        occurrence[row] = np.concatenate([np.full(len(text), -1 - number), occurrence[row, :kept]])
