"""Bugs of what goes on from a model: sides of preference pairs, trained parts, what a new projector starts from."""

from __future__ import annotations

from tests.planted.bug import Bug

_PAIRS = "tests/tuning/test_preferences.py"
_ADAPTATION = "tests/tuning/test_adaptation.py"

BUGS = [
    # Sides of a pair.
    Bug(
        "the worse answer is preferred",
        "losses/preference.py",
        "return gained[:, 0] - gained[:, 1]",
        "return gained[:, 1] - gained[:, 0]",
        f"{_PAIRS}::test_loss_and_gradient_are_the_published_ones_on_random_tensors",
    ),
    Bug(
        "the reference counts for one side only",
        "losses/preference.py",
        "gained = (log_probability - reference).unflatten(0, (-1, 2))",
        "gained = (log_probability - reference * (torch.arange(len(reference)) % 2)).unflatten(0, (-1, 2))",
        f"{_PAIRS}::test_loss_and_gradient_are_the_published_ones_on_random_tensors",
    ),
    Bug(
        "answers are averaged, not summed",
        "losses/preference.py",
        "return torch.where(scored, chosen - wide.logsumexp(dim=-1), 0).sum(dim=-1)",
        "return torch.where(scored, chosen - wide.logsumexp(dim=-1), 0).sum(dim=-1) / scored.sum(dim=-1)",
        f"{_PAIRS}::test_loss_and_gradient_are_the_published_ones_on_random_tensors",
    ),
    Bug(
        "sides are read the other way round",
        "stages/dpo.py",
        "sides = [side for pair in pairs for side in (pair.chosen, pair.rejected)]",
        "sides = [side for pair in pairs for side in (pair.rejected, pair.chosen)]",
        f"{_PAIRS}::test_the_end_token_is_scored_and_the_prompt_is_not",
    ),
    Bug(
        "micro-batches part pairs",
        "conversations/batches.py",
        "        attached=batch.attached,\n        rows_together=2,",
        "        attached=batch.attached,\n        rows_together=1,",
        f"{_PAIRS}::test_micro_batches_never_part_a_pair",
    ),
    Bug(
        "the reference of another answer",
        "conversations/batches.py",
        "given = torch.stack([reference[name][item] for name, item in sides])",
        "given = torch.stack([reference[name][item - item % 2] for name, item in sides])",
        f"{_PAIRS}::test_it_starts_at_log_two_and_learns_held_out_pairs",
    ),
    # What is trained, and from where.
    Bug(
        "the tower is trained too",
        "training/parts.py",
        'parameter.requires_grad = is_projector or (trainable == "full" and not is_tower)',
        'parameter.requires_grad = is_projector or trainable == "full"',
        f"{_ADAPTATION}::test_a_rate_of_its_own_moves_the_projector_alone_further",
    ),
    Bug(
        "with a frozen language model nothing is frozen",
        "training/parts.py",
        'parameter.requires_grad = is_projector or (trainable == "full" and not is_tower)',
        "parameter.requires_grad = not is_tower",
        f"{_ADAPTATION}::test_projector_training_leaves_text_logits_bit_identical",
    ),
    Bug(
        "the projector's rate is everybody's",
        "config/tuning.py",
        'if self.projector_learning_rate is None or ".multi_modal_projector." not in f".{parameter}":',
        "if self.projector_learning_rate is None:",
        "tests/training/test_optimizer.py::test_the_projector_has_a_rate_of_its_own",
    ),
    Bug(
        "the class token is not counted",
        "models/vision_language.py",
        'return (vision.image_size // vision.patch_size) ** 2 + (select == "full")',
        "return (vision.image_size // vision.patch_size) ** 2",
        f"{_ADAPTATION}::test_the_class_token_is_one_more_feature_in_the_folder_too",
    ),
]
