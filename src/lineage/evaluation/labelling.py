"""From answers to examples: judged, labelled, and put beside what statistics group by."""

from __future__ import annotations

from collections.abc import Sequence

from lineage.evaluation.examples import Example
from lineage.evaluation.generation import Answer
from lineage.evaluation.items import GROUPING, Item
from lineage.evaluation.judges.judge import Response, Verdict
from lineage.evaluation.judges.rules import rules_judge
from lineage.evaluation.outcomes import label


def labelled(prompts: str, items: Sequence[Item], answers: Sequence[Answer]) -> list[Example]:
    """An example for each answer, with the refusals that the rules find."""
    judge = rules_judge()
    responses = [Response(item.asked, answer.text) for item, answer in zip(items, answers, strict=True)]
    name = f"{judge.name}-{judge.version}"
    return [
        _example(prompts, item, answer, _read(verdict), name)
        for item, answer, verdict in zip(items, answers, judge.judge(responses), strict=True)
    ]


def _read(verdict: Verdict | None) -> Verdict:
    assert verdict is not None, "rules read every response"
    return verdict


def _example(prompts: str, item: Item, answer: Answer, verdict: Verdict, judge: str) -> Example:
    found = label(item, answer.text, verdict.refusal)
    scores = answer.scores
    decided = None if scores is None or item.options else scores.endings
    return Example(
        prompts=prompts,
        id=item.id,
        task=item.task,
        version=item.version,
        harmful=item.harmful,
        pictures=len(item.images),
        prompt="\n".join(f"{turn.role}: {turn.content}" for turn in item.prompt),
        target=item.target,
        options=item.options,
        output=answer.text,
        ended=answer.ended,
        tokens=answer.tokens,
        outcome=found.outcome,
        refusal=verdict.refusal,
        correct=found.correct,
        judge=judge,
        judge_score=verdict.score,
        reason_log_probability=None if scores is None else scores.shared,
        refusal_log_probability=None if decided is None else decided[0],
        answer_log_probability=None if decided is None else decided[1],
        option_log_probabilities=scores.endings if scores is not None and item.options else None,
        **{field.name: getattr(item, field.name) for field in GROUPING},
    )
