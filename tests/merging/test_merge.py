"""Whole merges: what is in the folders that they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

from lineage.errors import UserError
from lineage.merging.folder import PROVENANCE
from tests.merging.building import LAYOUTS, WORDS, llama, llava, merged, rewrite, weights_of

METHODS: dict[str, dict[str, Any]] = {
    "linear": {},
    "slerp": {},
    "slerp_delta": {},
    "task_arithmetic": {},
    "ties": {"density": 0.5},
    "ties of the model": {"density": 0.5, "trim": "model"},
    "dare": {"density": 0.5},
    "dare with election": {"density": 0.5, "rescale": "l1", "election": "ties"},
}
"""{label: options}; the method is the first word."""
NEEDS_BASE = ("slerp_delta", "task_arithmetic", "ties", "dare")
TYPES = [torch.float32, torch.bfloat16]


def options(label: str, base: Path) -> dict[str, Any]:
    method = label.split()[0]
    return {"method": method, "base": base if method in NEEDS_BASE else None, **METHODS[label]}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return set(first) == set(second) and all(
        torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype for name in first
    )


def provenance(folder: Path) -> dict[str, Any]:
    return json.loads((folder / PROVENANCE).read_text())


def language(folder: Path) -> dict[str, torch.Tensor]:
    """Language tensors by the name that Llama has for them, whatever the layout."""
    found = {}
    for name, tensor in weights_of(folder).items():
        for prefix in ("language_model.model.", "model.language_model.", "model."):
            if name.startswith(prefix) and "mm_projector" not in name and "vision_tower" not in name:
                found["model." + name.removeprefix(prefix)] = tensor
                break
        else:
            if name.endswith("lm_head.weight"):
                found["lm_head.weight"] = tensor
    return {name: one for name, one in found.items() if "projector" not in name and "vision" not in name}


# --- end points and identities


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_a_merge_of_a_model_with_itself_is_that_model(tmp_path: Path, method: str, dtype: torch.dtype) -> None:
    """Bit for bit, though .3 x + .7 x need not be x."""
    model = llama(tmp_path / "a", seed=1, dtype=dtype)
    other = llama(tmp_path / "b", seed=1, dtype=dtype)
    out = merged(tmp_path / "out", [model, other], method=method, weights=[0.3, 0.7])
    assert same(weights_of(out), weights_of(model))
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


@pytest.mark.parametrize("label", ["slerp_delta", "task_arithmetic", "ties", "dare"])
def test_models_that_learned_nothing_give_the_base(tmp_path: Path, label: str) -> None:
    base, first, second = (llama(tmp_path / name, seed=1) for name in ("base", "a", "b"))
    assert same(weights_of(merged(tmp_path / "out", [first, second], **options(label, base))), weights_of(base))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("chosen", [0, 1])
@pytest.mark.parametrize("method", ["linear", "slerp", "slerp_delta", "task_arithmetic", "ties", "dare"])
def test_one_hot_weights_give_that_parents_bytes(tmp_path: Path, method: str, chosen: int, dtype: torch.dtype) -> None:
    """By identity: theta_0 + (theta_1 - theta_0) need not be theta_1."""
    folders = [llama(tmp_path / name, seed=seed, dtype=dtype) for name, seed in (("a", 1), ("b", 2))]
    base = llama(tmp_path / "base", seed=0, dtype=dtype)
    weights = [1.0, 0.0] if chosen == 0 else [0.0, 1.0]
    given = {**options(method, base), **({"density": 1.0} if method in ("ties", "dare") else {})}
    out = merged(tmp_path / "out", folders, weights=weights, **given)
    assert (out / "model.safetensors").read_bytes() == (folders[chosen] / "model.safetensors").read_bytes()
    assert provenance(out)["summary"] == {"computed": 0, "copied": {folders[chosen].name: 30}}


def test_arithmetic_alone_would_not_give_it_back(tmp_path: Path) -> None:
    """The reason for the rule above; else that test could not fail."""
    base, model = (weights_of(llama(tmp_path / str(seed), seed=seed)) for seed in (0, 1))
    assert any(not torch.equal(base[name] + (model[name] - base[name]), model[name]) for name in base)


def test_all_weights_zero_give_the_base(tmp_path: Path) -> None:
    base, model = (llama(tmp_path / name, seed=seed) for name, seed in (("base", 0), ("a", 1)))
    for number, given in enumerate([{"weights": [0.0]}, {"scale": 0.0}]):
        out = merged(tmp_path / f"out{number}", [model], base, method="task_arithmetic", **given)
        assert same(weights_of(out), weights_of(base))


def test_one_hot_into_a_vision_language_model(tmp_path: Path) -> None:
    """The language model is the other's, down to the rows of shared tokens; the rest is untouched."""
    seeing = llava(tmp_path / "seeing", seed=3)
    safe = llama(tmp_path / "safe", seed=2)
    out = merged(tmp_path / "out", [seeing, safe], weights=[0.0, 1.0])
    found, ours, theirs = language(out), language(seeing), language(safe)
    for name, tensor in theirs.items():
        expected = tensor
        if name in ("model.embed_tokens.weight", "lm_head.weight"):
            expected = torch.cat([tensor, ours[name][20:]])
        assert torch.equal(found[name], expected), name
    back = merged(tmp_path / "back", [seeing, safe], weights=[1.0, 0.0])
    assert (back / "model.safetensors").read_bytes() == (seeing / "model.safetensors").read_bytes()


# --- values


@pytest.mark.parametrize("label", METHODS)
def test_values_equal_a_plain_computation(tmp_path: Path, label: str) -> None:
    """Whole tensors at once, in float64, from the formulas: what pieces, threads and files must not change."""
    base, first, second = (llama(tmp_path / name, seed=seed) for name, seed in (("base", 0), ("a", 1), ("b", 2)))
    out = merged(tmp_path / "out", [first, second], weights=[0.6, 0.4], **options(label, base))
    found, start = weights_of(out), weights_of(base)
    a, b = weights_of(first), weights_of(second)
    expected = {name: plain(label, start[name], a[name], b[name]) for name in start}
    if label == "ties of the model":
        expected = plain_ties_of_the_model(start, a, b)
    if label.startswith("dare"):
        for name, tensor in found.items():
            check_dare(label, name, tensor, start[name], a[name], b[name])
        return
    for name, tensor in found.items():
        assert torch.allclose(tensor.double(), expected[name], rtol=1e-5, atol=1e-6), name


def plain(label: str, base: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    base, a, b = (one.double() for one in (base, a, b))
    if label == "linear":
        return 0.6 * a + 0.4 * b
    if label == "slerp":
        return plain_slerp(a, b)
    if label == "slerp_delta":
        return base + plain_slerp(a - base, b - base)
    if label == "task_arithmetic":
        return base + 0.6 * (a - base) + 0.4 * (b - base)
    if label == "ties":
        return base + plain_elected(largest((a - base).float(), 0.5), largest((b - base).float(), 0.5))
    return base


def plain_slerp(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    cosine = (a * b).sum() / (a.norm() * b.norm())
    if cosine.abs() > 0.9995:
        return 0.6 * a + 0.4 * b
    angle = torch.arccos(cosine)
    return (torch.sin(0.6 * angle) * a + torch.sin(0.4 * angle) * b) / torch.sin(angle)


def largest(tau: torch.Tensor, density: float) -> torch.Tensor:
    keep = max(1, int(density * tau.numel()))
    order = tau.flatten().abs().sort(descending=True, stable=True).indices[:keep]
    kept = torch.zeros(tau.numel(), dtype=torch.float64)
    kept[order] = tau.flatten()[order].double()
    return kept.view(tau.shape)


def plain_elected(a: torch.Tensor, b: torch.Tensor, zero: float = 1.0) -> torch.Tensor:
    weighted = torch.stack([0.6 * a, 0.4 * b])
    sign = weighted.sum(0).sign()
    sign[sign == 0] = zero
    agrees = weighted.sign() == sign
    shares = torch.tensor([0.6, 0.4], dtype=torch.float64).view(2, *([1] * a.ndim))
    total = (agrees * shares).sum(0)
    return (weighted * agrees).sum(0) / torch.where(total == 0, 1.0, total)


def plain_ties_of_the_model(
    base: dict[str, torch.Tensor], a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """One vector of all tensors, in the order of canonical names (here: those of Llama, embedding first, norm last)."""
    layers = sorted(name for name in base if ".layers." in name)
    names = ["model.embed_tokens.weight", "lm_head.weight", *layers, "model.norm.weight"]
    flat = [torch.cat([(model[name] - base[name]).flatten() for name in names]) for model in (a, b)]
    kept = [largest(one, 0.5) for one in flat]
    majority = (0.6 * kept[0] + 0.4 * kept[1]).sign().sum()
    whole = plain_elected(*kept, zero=1.0 if majority >= 0 else -1.0)
    sizes = [base[name].numel() for name in names]
    return {
        name: base[name].double() + part.view(base[name].shape)
        for name, part in zip(names, whole.split(sizes), strict=True)
    }


def check_dare(
    label: str, name: str, found: torch.Tensor, base: torch.Tensor, a: torch.Tensor, b: torch.Tensor
) -> None:
    """Each entry is the base plus a sum of whole, rescaled task vectors, for one of the four outcomes of two draws."""
    from lineage.merging.randomness import Mask

    canonical = "lm.head.weight" if name == "lm_head.weight" else name.replace("model.", "lm.", 1)
    taus = [(one - base).double().flatten() for one in (a, b)]
    masks = [Mask(0, model, canonical, 0.5)(base.numel()).double() for model in ("a", "b")]
    factors = [2.0, 2.0]
    if "election" in label:
        pairs = zip(taus, masks, strict=True)
        factors = [float(tau.abs().sum() / max((tau * mask).abs().sum(), 1e-30)) for tau, mask in pairs]
    parts = [w * f * tau * mask for w, f, tau, mask in zip((0.6, 0.4), factors, taus, masks, strict=True)]
    total = parts[0] + parts[1]
    if "election" in label:
        total = sum(torch.where(part.sign() == total.sign(), part, 0.0) for part in parts)  # type: ignore[assignment]
    assert torch.allclose(found.double().flatten(), base.double().flatten() + total, rtol=1e-4, atol=1e-5), name


def test_three_models(tmp_path: Path) -> None:
    folders = [llama(tmp_path / str(seed), seed=seed) for seed in range(3)]
    found = weights_of(merged(tmp_path / "out", folders, weights=[1.0, 2.0, 5.0]))
    first, second, third = (weights_of(folder) for folder in folders)
    for name, tensor in found.items():
        assert torch.allclose(tensor, (first[name] + 2 * second[name] + 5 * third[name]) / 8, atol=1e-6), name


def test_bfloat16_is_rounded_once(tmp_path: Path) -> None:
    """Accumulated in float32: each value is the nearest bfloat16 to the exact mean, or its neighbour where it lies
    within float32's rounding of the middle."""
    folders = [llama(tmp_path / str(seed), seed=seed, dtype=torch.bfloat16) for seed in (1, 2)]
    found = weights_of(merged(tmp_path / "out", folders, weights=[0.3, 0.7]))
    a, b = (weights_of(folder) for folder in folders)
    exact = {name: (0.3 * a[name].double() + 0.7 * b[name].double()) for name in a}
    assert all(one.dtype == torch.bfloat16 for one in found.values())
    wrong = 0
    for name, tensor in found.items():
        nearest = exact[name].bfloat16()
        other = tensor != nearest
        middle = (tensor.double() + nearest.double()) / 2
        size = torch.maximum(a[name].double().abs(), b[name].double().abs())
        assert ((exact[name] - middle).abs() <= 2e-7 * size)[other].all(), name
        wrong += int(other.sum())
    assert wrong < 0.01 * sum(one.numel() for one in a.values())
    in_bfloat16 = sum(int(((0.3 * a[name] + 0.7 * b[name]) != exact[name].bfloat16()).sum()) for name in a)
    assert in_bfloat16 > 20 * wrong, "arithmetic in bfloat16 is told apart"


def test_random_delta_has_the_norm_of_what_it_replaces_and_no_direction_of_it(tmp_path: Path) -> None:
    base, safe, seeing = (llama(tmp_path / name, seed=seed) for name, seed in (("b", 0), ("safe", 1), ("seeing", 2)))
    given: dict[str, Any] = {"method": "task_arithmetic", "base": base, "weights": [1.0, 0.0]}
    out = merged(tmp_path / "out", [safe, seeing], extra={"safe": {"random_delta": True}}, **given)
    found, start, learned = (weights_of(one) for one in (out, base, safe))
    cosines = []
    for name in start:
        noise, tau = (one[name] - start[name] for one in (found, learned))
        assert float(noise.norm()) == pytest.approx(float(tau.norm()), rel=1e-4), name
        cosines.append(float((noise * tau).sum() / (noise.norm() * tau.norm())) * tau.numel() ** 0.5)
    assert max(map(abs, cosines)) < 4, "as far as chance goes"
    other = merged(tmp_path / "other", [safe, seeing], extra={"safe": {"random_delta": True}}, seed=1, **given)
    assert not same(weights_of(other), found)


@pytest.mark.parametrize("label", ["linear", "slerp", "ties"])
def test_noise_may_take_part_in_any_method(tmp_path: Path, label: str) -> None:
    base, safe, seeing = (llama(tmp_path / name, seed=seed) for name, seed in (("b", 0), ("safe", 1), ("seeing", 2)))
    given = {**options(label, base), "base": base, "extra": {"safe": {"random_delta": True}}}
    control = merged(tmp_path / "control", [seeing, safe], **given)
    plain_merge = merged(tmp_path / "plain", [seeing, safe], **options(label, base))
    assert not same(weights_of(control), weights_of(plain_merge))
    given["weights"] = [0.0, 1.0]
    assert provenance(merged(tmp_path / "noise", [seeing, safe], **given))["summary"]["computed"] == 30


# --- rows, ties, pictures


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_follow_their_tokens(tmp_path: Path, layout: str) -> None:
    """The same id means <pad> here and word0 there: rows meet by their text, <image> stays, padding rows stay."""
    seeing = llava(tmp_path / "seeing", seed=3, layout=layout, rows=24)
    words = ["<pad>", *WORDS, "new"]
    safe = llama(tmp_path / "safe", seed=2, words=words)
    out = merged(tmp_path / "out", [seeing, safe], weights=[0.25, 0.75])
    found, ours, theirs = language(out), language(seeing), language(safe)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        assert found[name].shape == (24, 16)
        for row in range(20):
            expected = 0.25 * ours[name][row] + 0.75 * theirs[name][row + 1]
            assert torch.allclose(found[name][row], expected, atol=1e-6), row
        assert torch.equal(found[name][20], ours[name][20]), "<image> is copied"
        assert torch.allclose(found[name][21], 0.25 * ours[name][21] + 0.75 * theirs[name][0], atol=1e-6), "<pad>"
        assert torch.equal(found[name][22:], ours[name][22:]), "rows beyond the tokenizer are copied"
    assert provenance(out)["rows"] == {"shared": 21, "kept": ["<image>"], "dropped": {"safe": ["new"]}}


@pytest.mark.parametrize("label", METHODS)
def test_every_method_matches_rows(tmp_path: Path, label: str) -> None:
    """Another order of rows in one parent changes nothing."""
    base, first = (llama(tmp_path / name, seed=seed) for name, seed in (("base", 0), ("a", 1)))
    second = llama(tmp_path / "b", seed=2)
    expected = weights_of(merged(tmp_path / "expected", [first, second], **options(label, base)))
    other = llama(tmp_path / "moved" / "b", seed=2, words=[*reversed(WORDS)])
    weights = weights_of(second)
    rewrite(other, {name: one.flip(0) if one.shape[0] == 20 else one for name, one in weights.items()})
    found = weights_of(merged(tmp_path / "found", [first, other], **options(label, base)))
    assert set(found) == set(expected)
    for name, tensor in found.items():
        assert torch.allclose(tensor, expected[name], atol=1e-6), name


def test_tied_heads_stay_tied(tmp_path: Path) -> None:
    folders = [llama(tmp_path / str(seed), seed=seed, tie_word_embeddings=True) for seed in (1, 2)]
    out = merged(tmp_path / "out", folders)
    assert "lm_head.weight" not in weights_of(out)
    model, info = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not any(info.values())
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert provenance(out)["tied"] is True


@pytest.mark.parametrize("first_is_tied", [True, False])
def test_untied(tmp_path: Path, first_is_tied: bool) -> None:
    tied = llama(tmp_path / "tied", seed=1, tie_word_embeddings=True)
    free = llama(tmp_path / "free", seed=2)
    folders = [tied, free] if first_is_tied else [free, tied]
    out = merged(tmp_path / "out", folders, weights=[0.5, 0.5], untie=True)
    found, one, other = (weights_of(folder) for folder in (out, tied, free))
    expected = (one["model.embed_tokens.weight"] + other["lm_head.weight"]) / 2
    assert torch.allclose(found["lm_head.weight"], expected, atol=1e-6)
    model, info = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not any(info.values())
    assert model.config.tie_word_embeddings is False
    assert torch.equal(model.lm_head.weight, found["lm_head.weight"]), "the head is its own"


def test_untied_vision_language_model(tmp_path: Path) -> None:
    seeing = llava(tmp_path / "seeing", seed=1, tie_word_embeddings=True)
    out = merged(tmp_path / "out", [seeing, llama(tmp_path / "safe", seed=2)], untie=True)
    model, info = AutoModelForImageTextToText.from_pretrained(out, output_loading_info=True)
    assert not any(info.values())
    assert torch.equal(model.lm_head.weight, weights_of(out)["language_model.lm_head.weight"])


def pictures(folder: Path) -> dict[str, torch.Tensor]:
    return {name: one for name, one in weights_of(folder).items() if "projector" in name or "vision" in name}


def test_two_that_see_alike(tmp_path: Path) -> None:
    """Projector and tower are equal: copied, whatever the order and layout of the other."""
    first, second = llava(tmp_path / "a", seed=1), llava(tmp_path / "b", seed=2, layout="llava_memory")
    out = merged(tmp_path / "out", [first, second], weights=[0.5, 0.5])
    assert same(pictures(out), pictures(first))
    found, one, other = (language(folder) for folder in (out, first, second))
    assert all(torch.allclose(found[name], (one[name] + other[name]) / 2, atol=1e-6) for name in found)


def test_two_that_see_differently_need_a_choice(tmp_path: Path) -> None:
    first, second = llava(tmp_path / "a", seed=1), llava(tmp_path / "b", seed=2)
    name = "multi_modal_projector.linear_1.bias"
    rewrite(second, {name: weights_of(second)[name] + 1})
    with pytest.raises(UserError) as error:
        merged(tmp_path / "out", [first, second])
    told = str(error.value)
    assert "a and b see pictures by different weights: 1 tensors differ, proj.0.bias first" in told
    assert "`projector: a` or `projector: b`" in told and "`projector: merge`" in told
    one = merged(tmp_path / "one", [first, second], projector="b")
    assert same(pictures(one), pictures(second))
    both = merged(tmp_path / "both", [first, second], weights=[0.25, 0.75], projector="merge")
    assert torch.allclose(weights_of(both)[name], weights_of(first)[name] + 0.75)


def test_towers_that_differ_are_never_merged(tmp_path: Path) -> None:
    first, second = llava(tmp_path / "a", seed=1), llava(tmp_path / "b", seed=2, pictures_seed=7)
    for given in ({}, {"projector": "merge"}):
        with pytest.raises(UserError, match="see pictures by different weights") as error:
            merged(tmp_path / f"out{len(given)}", [first, second], **given)
        assert "projector: merge" not in str(error.value).split("Say which")[1]


# --- what loads it


def generates(folder: Path, *, sees: bool) -> None:
    kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values()), info
    tokens: dict[str, torch.Tensor] = {"input_ids": torch.tensor([[1, 5, 6]])}
    if sees:
        tokens["input_ids"] = torch.tensor([[1, *[model.config.image_token_id] * 4, 5]])
        tokens["pixel_values"] = torch.zeros(1, 3, 8, 8)
    made = model.generate(
        **tokens, attention_mask=torch.ones_like(tokens["input_ids"]), max_new_tokens=3, pad_token_id=0
    )
    assert made.shape[1] > tokens["input_ids"].shape[1]
    assert len(AutoTokenizer.from_pretrained(folder)) == (22 if sees else 20)


@pytest.mark.parametrize("label", METHODS)
def test_a_merged_language_model_loads_and_generates(tmp_path: Path, label: str) -> None:
    base, first, second = (llama(tmp_path / name, seed=seed) for name, seed in (("base", 0), ("a", 1), ("b", 2)))
    generates(merged(tmp_path / "out", [first, second], **options(label, base)), sees=False)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("other", ["llama", *LAYOUTS])
def test_a_merged_vision_language_model_loads_and_generates(tmp_path: Path, layout: str, other: str) -> None:
    """Also where the parent has the original's names, which transformers would initialise anew without a word."""
    seeing = llava(tmp_path / "seeing", seed=3, layout=layout)
    safe = llama(tmp_path / "safe", seed=2) if other == "llama" else llava(tmp_path / "safe", seed=2, layout=other)
    out = merged(tmp_path / "out", [safe, seeing], projector=None if other == "llama" else "seeing")
    generates(out, sees=True)
    found = language(out)
    assert all(torch.allclose(found[name], one, atol=1e-6) for name, one in half(seeing, safe).items())
    assert (out / "chat_template.jinja").read_bytes() == (seeing / "chat_template.jinja").read_bytes()
    assert (out / "preprocessor_config.json").is_file()
    assert (out / "config.json").read_bytes() == (seeing / "config.json").read_bytes()


def half(seeing: Path, safe: Path) -> dict[str, torch.Tensor]:
    ours, theirs = language(seeing), language(safe)
    return {name: (ours[name] + theirs[name]) / 2 for name in ours if ours[name].shape == theirs[name].shape}


def test_the_original_names_are_why_that_matters(tmp_path: Path) -> None:
    seeing = llava(tmp_path / "seeing", seed=3, layout="llava_original")
    _, info = AutoModelForImageTextToText.from_pretrained(seeing, output_loading_info=True)
    assert len(info["missing_keys"]) == 72, "all but the head"


def test_other_types(tmp_path: Path) -> None:
    folders = [llama(tmp_path / str(seed), seed=seed, dtype=torch.bfloat16) for seed in (1, 2)]
    out = merged(tmp_path / "out", folders, dtype="float32")
    assert {one.dtype for one in weights_of(out).values()} == {torch.float32}
    assert json.loads((out / "config.json").read_text())["dtype"] == "float32"
    mixed = [folders[0], llama(tmp_path / "half", seed=3, dtype=torch.float16)]
    out = merged(tmp_path / "mixed", mixed, weights=[0.0, 1.0])
    found, theirs = weights_of(out), weights_of(mixed[1])
    assert all(torch.equal(found[name], theirs[name].bfloat16()) for name in found)


def test_values_beyond_float16(tmp_path: Path) -> None:
    folders = [llama(tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    rewrite(folders[1], {"model.norm.weight": torch.full((16,), 2e5)})
    with pytest.raises(UserError, match=r"model\.norm\.weight: the merged values are too large for float16"):
        merged(tmp_path / "out", folders, dtype="float16")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("label", METHODS)
def test_values_that_are_not_finite(tmp_path: Path, label: str, value: float) -> None:
    """Also where a mask or a threshold would hide them."""
    base, first, second = (llama(tmp_path / name, seed=seed) for name, seed in (("base", 0), ("a", 1), ("b", 2)))
    name = "model.layers.1.mlp.up_proj.weight"
    tensor = weights_of(second)[name].clone()
    tensor[3, 2] = value
    rewrite(second, {name: tensor})
    with pytest.raises(UserError) as error:
        merged(tmp_path / "out", [first, second], **options(label, base))
    assert f"{second / 'model.safetensors'}: {name} of b holds values that are not finite" in str(error.value)


# --- provenance


def test_provenance(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", seed=0)
    seeing, safe = llava(tmp_path / "seeing", seed=1), llama(tmp_path / "safe", seed=2)
    told = provenance(merged(tmp_path / "out", [seeing, safe], base, method="task_arithmetic", weights=[0.5, 0.25]))
    assert told["like"] == "seeing"
    assert told["spec"]["method"] == "task_arithmetic"
    assert [one["weight"] for one in told["spec"]["models"]] == [0.5, 0.25]
    assert {name: one["role"] for name, one in told["parents"].items()} == {
        "seeing": "model", "safe": "model", "base": "base",
    }  # fmt: skip
    assert told["parents"]["safe"]["sha256"] == {
        name: f"hash of {name}" for name in ("model.safetensors", "config.json", "tokenizer.json")
    }
    assert told["parents"]["safe"]["renamed"] == 30
    assert told["summary"] == {"computed": 30, "copied": {"seeing": 43}}
    name = "model.layers.2.mlp.down_proj.weight"
    start = language(base)[name]
    taus = [language(folder)[name] - start for folder in (seeing, safe)]
    entry = told["tensors"]["lm.layers.2.mlp.down_proj.weight"]
    assert entry["norms"] == pytest.approx({"seeing": float(taus[0].norm()), "safe": float(taus[1].norm())}, rel=1e-5)
    cosine = float((taus[0] * taus[1]).sum() / (taus[0].norm() * taus[1].norm()))
    assert entry["cosines"] == {"seeing, safe": pytest.approx(cosine, rel=1e-4)}
    assert told["tensors"]["vision.post_layernorm.bias"] == {"copied_from": "seeing"}


def test_slerp_says_how_often_it_went_straight(tmp_path: Path) -> None:
    """Siblings of one base are nearly parallel, unlike their task vectors."""
    base = llama(tmp_path / "base", seed=0)
    folders = []
    for seed in (1, 2):
        folders.append(llama(tmp_path / str(seed), seed=seed))
        weights = {name: 0.99 * one + 0.01 * weights_of(folders[-1])[name] for name, one in weights_of(base).items()}
        rewrite(folders[-1], weights)
    told = provenance(merged(tmp_path / "straight", folders, method="slerp"))["summary"]
    assert (told["straight"], told["slerped"]) == (30, 30)
    told = provenance(merged(tmp_path / "arc", folders, base, method="slerp_delta"))["summary"]
    assert (told["straight"], told["slerped"]) == (0, 30)
