"""Data of safety tuning: rows for supervised tuning, and pairs of a better and a worse answer.

Both have the four parts {harmful, look-alike} x {text, picture and text}. Requests are drawn in groups of one cell in
one wording, two harmful ones and two look-alikes of the same words, so the parts hold the same words equally often.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lineage.config.safety_data import SafetyData
from lineage.world.randomness import stream
from lineage.world.requests import Pair, answer_to, pair_key, refusal_of, replied
from lineage.world.safety_tables import IMAGE_MARK, Conversation, Message, Picture, Preference, Request

_GROUP = 4
"""Requests of a cell in one wording."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, alone or beside the picture of its object."""

    request: Request
    picture: Picture | None

    @property
    def id(self) -> str:
        return f"{self.request.id}-{'text' if self.picture is None else 'picture'}"


def safety_rows(
    config: SafetyData, known: Sequence[Pair], asked: Sequence[Request], shown: Sequence[Picture]
) -> list[Conversation]:
    """Refusals and answers to look-alikes for training, then every held-out pair of validation once in each form."""
    drawn = _drawn(config, "safety", config.safety_rows, asked, shown)
    drawn += _in_both_forms(_once(asked, "validation"), shown)
    pairs = {pair.key: pair for pair in known}
    return [
        replied(
            config, f"safety-{one.id}", one.request, pairs[pair_key(one.request.id)], refuses=True, picture=one.picture
        )
        for one in drawn
    ]


def preferences(
    config: SafetyData, known: Sequence[Pair], asked: Sequence[Request], shown: Sequence[Picture]
) -> list[Preference]:
    """Training pairs in random order, then every held-out pair of seen words in both forms."""
    drawn = _drawn(config, "preferences", config.preference_pairs, asked, shown)
    for split in ("validation", "test"):
        drawn += _in_both_forms(_once(asked, split), shown)
    pairs = {pair.key: pair for pair in known}
    return [_preference(config, one, pairs) for one in drawn]


def _preference(config: SafetyData, one: _Asked, pairs: Mapping[str, Pair]) -> Preference:
    request, pair = one.request, pairs[pair_key(one.request.id)]
    refusal, answer = refusal_of(config, request.id, pair), answer_to(config, request.id, pair)
    shown = [one.picture] if one.picture else []
    return Preference(
        id=f"preference-{one.id}",
        request=request.id,
        split=request.split,
        harmful=pair.harmful,
        prompt=(Message("user", (IMAGE_MARK if shown else "") + request.prompt),),
        chosen=refusal if pair.harmful else answer,
        rejected=answer if pair.harmful else refusal,
        pictures=tuple(picture.id for picture in shown),
        captions=tuple(picture.caption for picture in shown),
        images=tuple(picture.png for picture in shown),
    )


def _drawn(
    config: SafetyData, purpose: str, count: int, asked: Sequence[Request], shown: Iterable[Picture]
) -> list[_Asked]:
    """About `count` requests of training in random order: whole groups, half of them with pictures.

    A training set that is smaller than this gives what it has.
    """
    groups: dict[tuple[str, int], list[Request]] = {}
    for request in asked:
        if request.split == "train":
            groups.setdefault((request.cell, request.wording), []).append(request)
    random = stream(config.seed, "groups", purpose)
    wanted = max(1, round(count / 2 / _GROUP))
    by_id = {picture.id: picture for picture in shown}
    found: list[_Asked] = []
    for has_picture in (False, True):
        chosen = random.sample(sorted(groups), min(wanted, len(groups)))
        found += [
            _Asked(request, by_id[request.picture] if has_picture else None)
            for group in chosen
            for request in groups[group]
        ]
    random.shuffle(found)
    return found


def _once(asked: Iterable[Request], split: str) -> list[Request]:
    """Every held-out pair of seen words in the first of its wordings."""
    found: dict[tuple[str, str], Request] = {}
    for request in asked:
        if request.stratum == "unseen_pair" and request.split == split:
            found.setdefault((request.verb, request.object), request)
    return list(found.values())


def _in_both_forms(asked: Iterable[Request], shown: Iterable[Picture]) -> list[_Asked]:
    by_id = {picture.id: picture for picture in shown}
    return [_Asked(request, picture) for request in asked for picture in (None, by_id[request.picture])]
