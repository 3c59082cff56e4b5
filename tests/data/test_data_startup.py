"""Stages without tensors start fast because heavy libraries are not imported."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "pandas", "datasets", "datasketch", "scipy", "huggingface_hub", "accelerate")


@pytest.mark.parametrize("stage", ["documents", "corpus", "tokenizer", "tokens"])
def test_stage_imports_no_heavy_library(stage: str) -> None:
    program = f"import sys, json, lineage.stages.{stage}; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == []
