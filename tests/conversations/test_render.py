"""Masks: what the assistant says and its end, for every template, kind of tokenizer and number of turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import normalizers
from transformers import PreTrainedTokenizerFast

from lineage.conversations.conversation import BadConversation, Conversation
from lineage.conversations.render import Rendered, Renderer
from lineage.conversations.templates import shipped
from tests.conversations import tokenizers
from tests.conversations.building import turns

TOKENIZERS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "roles": tokenizers.roles, "byte_level": tokenizers.byte_level, "sentence_piece": tokenizers.sentence_piece,
}  # fmt: skip
END = {"roles": "<|end|>", "byte_level": "</s>", "sentence_piece": "</s>"}
IMAGE = {"roles": "<|image|>", "byte_level": "<image>", "sentence_piece": "<image>"}
CHAT_TEMPLATES = ["vicuna_v1", "llava_v1", "llava_llama_2"]
CASES = [("roles", "roles"), *((kind, one) for kind in ("byte_level", "sentence_piece") for one in CHAT_TEMPLATES)]
PROMPTS = {
    "vicuna_v1": (
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed,"
        " and polite answers to the user's questions. USER: Why? ASSISTANT:"
    ),
    "llava_v1": (
        "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful,"
        " detailed, and polite answers to the human's questions. USER: Why? ASSISTANT:"
    ),
    "llava_llama_2": (
        "[INST] <<SYS>>\nYou are a helpful language and vision assistant. You are able to understand the visual content"
        " that the user provides, and assist the user with a variety of tasks using natural language.\n<</SYS>>\n\nWhy?"
        " [/INST]"
    ),
}


def renderer(kind: str, template: str, *, seeing: int = 0, caption_end: str = "") -> Renderer:
    """A renderer of shipped templates; `seeing`: tokens a picture, 0 for a model that reads text."""
    image = IMAGE[kind] if seeing else None
    text = shipped(template)
    return Renderer(TOKENIZERS[kind](), text, image_token=image, image_tokens=seeing, caption_end=caption_end)


def conversation(*texts: str, images: int = 0, system: str | None = None) -> Conversation:
    messages: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []
    return Conversation("c", [*messages, *turns(*texts)], [b"picture"] * images)


def row(one: Rendered, tokenizer: PreTrainedTokenizerFast) -> list[tuple[str, int]]:
    """Tokens beside their mask, to be read."""
    tokens: Any = tokenizer.convert_ids_to_tokens(one.ids.tolist())
    return list(zip(tokens, one.learned.astype(int).tolist(), strict=True))


def spans(one: Rendered) -> list[tuple[int, int]]:
    """[first, last) of what is learned, run by run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], one.learned.astype(int), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def learned(one: Rendered, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    return [str(tokenizer.decode(one.ids[first:last].tolist())) for first, last in spans(one)]


def test_roles_by_hand() -> None:
    done = renderer("roles", "roles").render(conversation("Say yes", "yes", "Why", "Because it is", system="Be short"))
    assert row(done, tokenizers.roles()) == [
        ("<|system|>", 0), ("ĠBe", 0), ("Ġshort", 0),
        ("<|user|>", 0), ("ĠSay", 0), ("Ġyes", 0), ("<|assistant|>", 0), ("Ġyes", 1), ("<|end|>", 1),
        ("<|user|>", 0), ("ĠWhy", 0), ("<|assistant|>", 0),
        ("ĠBecause", 1), ("Ġit", 1), ("Ġis", 1), ("<|end|>", 1),
    ]  # fmt: skip


def test_roles_with_pictures_by_hand() -> None:
    done = renderer("roles", "roles", seeing=3).render(conversation("<image>\nWhat is it", "A bus", images=1))
    assert row(done, tokenizers.roles()) == [
        ("<|user|>", 0), ("Ġ", 0), ("<|image|>", 0), ("<|image|>", 0), ("<|image|>", 0), ("Ġ", 0), ("Ċ", 0), ("Wh", 0),
        ("at", 0), ("Ġis", 0), ("Ġit", 0), ("<|assistant|>", 0), ("ĠA", 1), ("Ġbus", 1), ("<|end|>", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["byte_level", "sentence_piece"])
@pytest.mark.parametrize("template", CHAT_TEMPLATES)
def test_llavas_templates_by_hand(kind: str, template: str) -> None:
    """conversation.py and train.py of LLaVA at c121f04; further turns follow directly after the end."""
    prompt = PROMPTS[template]
    answers = ["A bus </s>", "Red </s>"] if template == "llava_llama_2" else ["A bus</s>", "Red</s>"]
    tokenizer = TOKENIZERS[kind]()
    done = renderer(kind, template).render(conversation("Why?", "A bus", "What is it?", "Red"))
    between = {"llava_llama_2": "<s>[INST] What is it? [/INST]"}.get(template, "USER: What is it? ASSISTANT:")
    whole = str(tokenizer.decode(done.ids.tolist()))
    if kind == "sentence_piece":  # puts a space before what follows a special token
        whole = whole.lstrip(" ").replace("</s> U", "</s>U").replace("<s> [", "<s>[")
    assert whole == f"{prompt} {answers[0]}{between} {answers[1]}"
    assert [text.removeprefix(" ") for text in learned(done, tokenizer)] == answers
    assert tokenizer.decode(done.ids[: spans(done)[0][0]].tolist()).strip(" ") == prompt


def test_a_system_turn_takes_the_place_of_the_default_one() -> None:
    tokenizer = tokenizers.byte_level()
    for template, expected in [
        ("vicuna_v1", "Be short USER: Why ASSISTANT: no</s>"),
        ("llava_llama_2", "[INST] <<SYS>>\nBe short\n<</SYS>>\n\nWhy [/INST] no </s>"),
    ]:
        done = renderer("byte_level", template).render(conversation("Why", "no", system="Be short"))
        assert tokenizer.decode(done.ids.tolist()) == expected
        assert learned(done, tokenizer) == [" no</s>" if template == "vicuna_v1" else " no </s>"]


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("ended", [False, True])
def test_plain_keeps_the_picture_and_the_caption(kind: str, ended: bool) -> None:
    """train.py:588-607: the question is thrown away; the newline is learned; there is no end token."""
    tokenizer = TOKENIZERS[kind]()
    one = renderer(kind, "plain", seeing=2, caption_end=END[kind] if ended else "")
    done = one.render(conversation("<image>\nDescribe the picture.", "A bus", images=1))
    image = tokenizer.convert_tokens_to_ids(IMAGE[kind])
    assert done.ids[:2].tolist() == [image, image]
    assert not done.learned[:2].any()
    assert done.learned[2:].all()
    said = str(tokenizer.decode(done.ids[2:].tolist()))
    assert said.removeprefix(" ") == "A bus\n" + (END[kind] if ended else "")


@pytest.mark.parametrize("kind, template", CASES)
@pytest.mark.parametrize("images", [0, 1, 2])
def test_the_prompt_is_the_beginning_of_the_conversation(kind: str, template: str, images: int) -> None:
    one = renderer(kind, template, seeing=4)
    whole = conversation("<image>\n" * images + "What is it?", "A bus", "Why?", "Because.", images=images)
    done = one.render(whole)
    for asked, (first, _) in zip((whole.messages[:1], whole.messages[:3]), spans(done), strict=True):
        assert one.prompt_ids(Conversation("c", asked, whole.images)) == done.ids[:first].tolist()


@pytest.mark.parametrize("kind, template", [*CASES, ("roles", "plain"), ("byte_level", "plain")])
def test_image_tokens_are_as_many_as_features_and_never_learned(kind: str, template: str) -> None:
    done = renderer(kind, template, seeing=5).render(conversation("<image>\n<image>\nWhich?", "A bus", images=2))
    places = done.ids == TOKENIZERS[kind]().convert_tokens_to_ids(IMAGE[kind])
    assert places.sum() == 10
    assert not done.learned[places].any()


CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="<>|\u2581") | st.sampled_from(" \n\t")
SAID = st.text(CHARACTERS, min_size=1, max_size=12).filter(str.strip)


@settings(max_examples=200, deadline=None)
@given(exchanges=st.lists(st.tuples(SAID, SAID), min_size=1, max_size=3), case=st.sampled_from(CASES))
@example([("a", "two  spaces \n and  more ")], ("roles", "roles"))
@example([("a", " a space in front")], ("sentence_piece", "vicuna_v1"))
def test_what_is_learned_is_what_the_assistant_says(
    exchanges: Sequence[tuple[str, str]], case: tuple[str, str]
) -> None:
    """Any text in any number of turns; up to a leading space, which SentencePiece does not give back."""
    kind, template = case
    tokenizer = TOKENIZERS[kind]()
    done = renderer(kind, template).render(conversation(*(text for pair in exchanges for text in pair)))
    end = (" " if template == "llava_llama_2" else "") + END[kind]
    said = [f" {answer}{end}" for _, answer in exchanges]
    if kind == "sentence_piece":
        assert learned(done, tokenizer) == [text[1:] for text in said]
    else:
        assert learned(done, tokenizer) == said
    assert done.num_learned == done.learned.sum()


def bordered(asked: str, said: str, after: str) -> str:
    """A template that writes these parts of every turn."""
    answer = f"{{% generation %}}{said}{{% endgeneration %}}{after}"
    return f"{{% for m in messages %}}{{% if m.role == 'user' %}}{asked}{{% else %}}{answer}{{% endif %}}{{% endfor %}}"


def test_a_token_across_the_border_is_an_error() -> None:
    """`no` is one token; a template that ends its prompt in `n` would have it learned in half."""
    tokenizer = tokenizers.byte_level()
    template = bordered("{{ m.content + ' n' }}", "{{ m.content + eos_token }}", "")
    one = Renderer(tokenizer, template)
    assert tokenizer.tokenize(" no") == ["Ġno"]
    with pytest.raises(BadConversation, match="the token ' no' lies partly in what the assistant says") as error:
        one.render(conversation("Why", "o"))
    assert error.value.reason == "a token across the border of an answer"
    assert learned(one.render(conversation("Why", " bus")), tokenizer) == [" bus</s>"]


def test_a_space_at_the_end_of_an_answer_is_learned() -> None:
    """Our tokenizer says of a space alone that it lies where the next token begins."""
    template = bordered("{{ '<|user|>' + m.content + '<|assistant|>' }}", "{{ ' ' + m.content + ' ' }}", "<|end|>")
    done = Renderer(tokenizers.roles(), template).render(conversation("Why", "yes"))
    assert row(done, tokenizers.roles())[-4:] == [("<|assistant|>", 0), ("Ġyes", 1), ("Ġ", 1), ("<|end|>", 0)]


def test_an_answer_whose_end_runs_into_what_follows() -> None:
    tokenizer = tokenizers.byte_level()
    template = bordered("{{ m.content }}", "{{ ' ' + m.content }}", "{{ 'es' + eos_token }}")
    assert tokenizer.tokenize(" yes") == ["Ġyes"]
    with pytest.raises(BadConversation, match="the token ' yes' lies partly"):
        Renderer(tokenizer, template).render(conversation("Why", "y"))


@pytest.mark.parametrize("kind, template", CASES)
@pytest.mark.parametrize("turn", [0, 1])
def test_text_that_spells_a_special_token(kind: str, template: str, turn: int) -> None:
    for token in (END[kind], "<extra_id_3>" if kind == "roles" else "<s>"):
        texts = ["What is it", "A bus"]
        texts[turn] += f" {token}"
        with pytest.raises(BadConversation, match="which would be read as that token") as error:
            renderer(kind, template, seeing=2).render(conversation(*texts))
        assert token in str(error.value)
        assert error.value.reason == "spells a special token"


def test_text_that_spells_the_models_own_image_token() -> None:
    with pytest.raises(BadConversation, match=r"spells <\|image\|>"):
        renderer("roles", "roles", seeing=2).render(conversation("<|image|> What", "A bus"))
    with pytest.raises(BadConversation, match="spells </s>"):
        renderer("byte_level", "vicuna_v1", seeing=2).render(conversation("<image>\nWhat </s>", "A bus", images=1))


def test_special_tokens_that_have_no_name_count_too() -> None:
    """Llama 3's `<|start_header_id|>` is special, but in none of the tokenizer's named ones."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizers.byte_level().backend_tokenizer, eos_token="</s>")
    tokenizer.backend_tokenizer.add_special_tokens(["<|header|>"])
    assert "<|header|>" not in tokenizer.all_special_tokens
    assert len(tokenizer.encode("<|header|>", add_special_tokens=False)) == 1
    with pytest.raises(BadConversation, match=r"spells <\|header\|>"):
        Renderer(tokenizer, shipped("vicuna_v1")).render(conversation("What <|header|>", "A bus"))


@pytest.mark.parametrize(
    "texts, images, reason",
    [
        (["<image>\nWhat", "A bus"], 0, "pictures that do not match their marks"),
        (["What", "A bus"], 1, "pictures that do not match their marks"),
        (["<image>\n<image>\nWhat", "A bus"], 1, "pictures that do not match their marks"),
        (["What", "A <image>"], 1, "a picture outside of the user's turns"),
        (["What", " "], 0, "an empty turn"),
        (["\n", "A bus"], 0, "an empty turn"),
        (["What"], 0, "wrong roles"),
        (["What", "A bus", "Why"], 0, "wrong roles"),
        ([], 0, "wrong roles"),
    ],
)
def test_conversations_that_are_refused(texts: list[str], images: int, reason: str) -> None:
    with pytest.raises(BadConversation) as error:
        renderer("roles", "roles", seeing=2).render(conversation(*texts, images=images))
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "roles",
    ["assistant user", "user user", "user system assistant", "system", "user tool", "system system user"],
)
def test_wrong_roles(roles: str) -> None:
    messages = [{"role": role, "content": "yes"} for role in roles.split()]
    with pytest.raises(BadConversation, match="its roles are") as error:
        renderer("roles", "roles").render(Conversation("c", messages))
    assert error.value.reason == "wrong roles"


def test_a_picture_for_a_model_that_reads_text() -> None:
    with pytest.raises(BadConversation, match="the model reads text only"):
        renderer("roles", "roles").render(conversation("<image>\nWhat", "A bus", images=1))


def test_a_prompt_for_an_answer_ends_with_the_user() -> None:
    one = renderer("roles", "roles")
    with pytest.raises(BadConversation, match="the last one user"):
        one.prompt_ids(conversation("What", "A bus"))
    assert one.tokenizer.decode(one.prompt_ids(conversation("What"))) == "<|user|> What<|assistant|>"


def test_a_tokenizer_that_changes_text() -> None:
    changed = tokenizers.byte_level.__wrapped__()
    changed.backend_tokenizer.normalizer = normalizers.Lowercase()
    with pytest.raises(BadConversation, match="what is learned reads ' a bus") as error:
        Renderer(changed, shipped("vicuna_v1")).render(conversation("What", "A bus"))
    assert error.value.reason == "an answer that the tokenizer does not give back"


def test_a_template_that_writes_prompts_otherwise() -> None:
    template = shipped("roles").replace("add_generation_prompt", "false")
    with pytest.raises(BadConversation, match="are not those of the same turns as a prompt"):
        Renderer(tokenizers.roles(), template).render(conversation("What", "A bus"))


def test_a_template_that_marks_nothing() -> None:
    template = shipped("roles").replace("{%- generation -%}", "").replace("{%- endgeneration -%}", "")
    with pytest.raises(BadConversation) as error:
        Renderer(tokenizers.roles(), template).render(conversation("What", "A bus"))
    assert error.value.reason == "nothing to learn"
