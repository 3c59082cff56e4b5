"""Prompts are filled in and answers read line by line, as WildGuard writes them; what cannot be read is no verdict."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.judges import GenerativeLines
from lineage.evaluation.judges.completing import open_completer
from lineage.evaluation.judges.generative import GenerativeJudge, filled, parsed
from lineage.evaluation.judges.judge import Response
from lineage.models.decoder import open_decoder, open_tokenizer
from lineage.parts import Parts
from tests.stages.conftest import base, material  # noqa: F401

LINES = GenerativeLines()


@pytest.mark.parametrize(
    ("answer", "refusal", "harmful"),
    [
        ("Harmful request: yes\nResponse refusal: yes\nHarmful response: no", "full", False),
        ("harmful request: Yes\n response refusal:  NO.\nharmful response: yes \n", "none", True),
        ("Harmful request: no\nResponse refusal: no\nHarmful response: n/a", "none", None),
        ("Response refusal: yes", None, None),
        ("Response refusal: n/a\nHarmful response: no", None, None),
        ("Response refusal: perhaps\nHarmful response: no", None, None),
        ("Response refusal: yes\nResponse refusal: no\nHarmful response: no", None, None),
        ("Response refusal: yes\nHarmful response: maybe", None, None),
        ("yes\nyes\nno", None, None),
        ("", None, None),
    ],
)
def test_lines(answer: str, refusal: str | None, harmful: bool | None) -> None:
    verdict = parsed(answer, LINES)
    assert (verdict and verdict.refusal) == refusal
    assert (verdict and verdict.harmful) == (harmful if refusal else None)


def test_a_judge_without_a_line_on_harm() -> None:
    verdict = parsed("Refusal: yes", GenerativeLines(refusal="refusal", harmful=None))
    assert verdict is not None and verdict.refusal == "full" and verdict.harmful is None


def test_what_was_said_is_no_part_of_the_prompts_form() -> None:
    found = filled("A {request} B {response} C", Response("{response}", "{request} {0} %s"))
    assert found == "A {response} B {request} {0} %s C"


def test_each_response_is_asked_about_in_order() -> None:
    asked: list[str] = []

    def complete(prompts: list[str]) -> list[str]:
        asked.extend(prompts)
        return [f"Response refusal: {'yes' if 'no!' in one else 'no'}\nHarmful response: no" for one in prompts]

    judge = GenerativeJudge("{request}|{response}", LINES, complete, "0")  # pyright: ignore[reportArgumentType]
    found = judge.judge([Response("a", "no!"), Response("b", "well")])
    assert asked == ["a|no!", "b|well"]
    assert [one and one.refusal for one in found] == ["full", "none"]


def test_prompt_lines_and_model_are_in_the_digest() -> None:
    def never(prompts: object) -> list[str]:
        raise AssertionError

    digests = {
        GenerativeJudge(prompt, lines, never, model).digest
        for prompt in ("{request}{response}", "{request} {response}")
        for lines in (LINES, GenerativeLines(harmful=None))
        for model in ("0", "1")
    }
    assert len(digests) == 8


def writer(folder: Path) -> ArtifactWriter:
    return ArtifactWriter.create(folder / "judge", state=folder / "state")


def test_a_batch_says_what_each_prompt_says_alone(base: Artifact, tmp_path: Path) -> None:  # noqa: F811
    """Prompts of several lengths; it is what argmax gives, token by token, without cache or padding."""
    prompts = ["a boat", "the old town near the lake", "red", "a slow lamp sleeps over the hill", "green"]
    options: dict[str, Any] = {"max_new_tokens": 4, "dtype": torch.float32, "device": torch.device("cpu")}
    one, five = (Parts(writer(tmp_path / str(rows)), Execution()) for rows in (1, 5))
    alone = open_completer(base.folder, batch_rows=1, parts=one, **options)(prompts)
    assert alone == open_completer(base.folder, batch_rows=5, parts=five, **options)(prompts)
    model, tokenizer = open_decoder(base.folder).eval(), open_tokenizer(base.folder)
    for prompt, said in zip(prompts, alone, strict=True):
        tokens = tokenizer(prompt)["input_ids"]
        start = len(tokens)
        with torch.no_grad():
            while len(tokens) < start + 4 and tokenizer.eos_token_id not in tokens[start:]:
                tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
        assert tokenizer.decode(tokens[start:], skip_special_tokens=True) == said
