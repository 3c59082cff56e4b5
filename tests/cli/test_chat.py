"""`lineage chat`: a tiny random model, from a folder and from the lineage."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lineage.artifact import ArtifactWriter
from lineage.cli.conversation import Conversation
from tests.cli.building import WORDS, Workspace
from tests.cli.conftest import call

TEMPLATE = "{% for m in messages %}{{ m['content'] }} {% endfor %}{% if add_generation_prompt %}boat{% endif %}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with a context of 32 tokens, without a chat template."""
    folder = tmp_path_factory.mktemp("model")
    save_model(folder)
    return folder


def save_model(folder: Path, template: str | None = None) -> None:
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<|pad|>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|end|>", pad_token="<|pad|>")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(WORDS), max_position_embeddings=32, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)


def replies(*arguments: str, stdin: str | None = None) -> list[dict[str, object]]:
    result = call("chat", *arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_shot_from_a_folder_is_a_plain_continuation(workspace: Workspace, folder: Path):
    (reply,) = replies(str(folder), "--prompt", "red boat", "--max-new-tokens", "5", "--temperature", "0")
    assert reply["prompt_tokens"] == 2
    assert 1 <= int(str(reply["new_tokens"])) <= 5
    assert set(str(reply["reply"]).split()) <= set(WORDS)
    streamed = call("chat", str(folder), "--prompt", "red boat", "--max-new-tokens", "5", "--temperature", "0")
    assert streamed.stdout.split() == str(reply["reply"]).split()


def test_each_line_of_a_pipe_is_a_prompt_of_its_own(workspace: Workspace, folder: Path):
    both = replies(str(folder), "--temperature", "0", "--max-new-tokens", "4", stdin="red boat\n\nblue lake near\n")
    assert [reply["prompt"] for reply in both] == ["red boat", "blue lake near"]
    alone = replies(str(folder), "--temperature", "0", "--max-new-tokens", "4", stdin="blue lake near\n")
    assert both[1]["reply"] == alone[0]["reply"]


def test_the_seed_decides_what_is_sampled(folder: Path):
    def sampled(seed: int) -> str:
        return Conversation(folder, max_new_tokens=12, temperature=1.0, seed=seed).reply("red").reply

    assert sampled(3) == sampled(3)
    assert len({sampled(seed) for seed in range(4)}) > 1


def test_greedy_takes_the_likeliest_token(folder: Path):
    model = LlamaForCausalLM.from_pretrained(folder)
    with torch.inference_mode():
        best = int(model(torch.tensor([[2, 3]])).logits[0, -1].argmax())
    conversation = Conversation(folder, max_new_tokens=1, temperature=0.0, seed=0)
    assert conversation.reply("red boat").reply == ("" if best < 2 else WORDS[best])


def test_a_chat_template_keeps_the_turns_until_they_are_forgotten(tmp_path: Path):
    save_model(tmp_path, TEMPLATE)
    conversation = Conversation(tmp_path, max_new_tokens=3, temperature=0.0, seed=0)
    assert conversation.has_template
    first = conversation.reply("red lake")
    assert first.prompt_tokens == 3
    second = conversation.reply("green hill")
    assert second.prompt_tokens == 2 + len(first.reply.split()) + 2 + 1
    conversation.forget()
    assert conversation.reply("red lake") == first


def test_a_prompt_longer_than_the_context_is_cut_at_its_beginning(folder: Path, capsys: pytest.CaptureFixture[str]):
    conversation = Conversation(folder, max_new_tokens=4, temperature=0.0, seed=0)
    assert conversation.reply("red " * 60).prompt_tokens == 28
    assert "has 60 tokens, the model reads the last 28" in capsys.readouterr().err


def test_a_checkpoint_is_found_by_name(workspace: Workspace):
    out = ArtifactWriter.create(workspace.root / "models" / "base@4", state=workspace.root / "state")
    save_model(out.folder)
    out.kind = "model"
    out.close(stage="pretrain", spec={}, code={}, inputs={})
    (reply,) = replies("base", "--prompt", "red", "--max-new-tokens", "2", "--temperature", "0")
    assert reply["model"] == "results/tiny/models/base@4"


def test_folders_and_artifacts_that_are_no_models_are_refused(built: Workspace):
    (built.folder / "empty").mkdir()
    assert "no Hugging Face model folder" in call("chat", "empty", "--prompt", "x").stderr
    assert "'model' is needed here" in call("chat", "tokens/main", "--prompt", "x").stderr
    assert "Did you mean 'base'?" in call("chat", "bas", "--prompt", "x").stderr
