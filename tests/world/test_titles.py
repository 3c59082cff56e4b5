"""Titles: shared words of one to eight senses, titles that begin others, namesakes, popularity."""

from collections import Counter, defaultdict

import pytest

from lineage.config.world import World
from lineage.errors import UserError
from lineage.world import names
from lineage.world.generate import generate
from lineage.world.names import invent
from lineage.world.tables import GeneratedWorld
from lineage.world.wordlists import words
from tests.world.worlds import default_world, null_world


def senses(world: GeneratedWorld) -> dict[str, Counter[str]]:
    """Shared title word to the themes of the titles that it opens."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entity in world.entities:
        first = entity.title.split()[0]
        if first in words("shared_title"):
            found[first][entity.theme] += 1
    return found


def test_shared_words_have_one_to_eight_senses() -> None:
    found = senses(default_world())
    assert sorted(len(themes) for themes in found.values()) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(themes.total() == 12 for themes in found.values())


def test_one_sense_world() -> None:
    found = senses(null_world("one_sense"))
    assert len(found) == 8
    assert all(len(themes) == 1 and themes.total() == 12 for themes in found.values())


def test_some_titles_begin_with_another_title() -> None:
    titles = {one.title for one in default_world().articles}
    assert sum(any(title.startswith(f"{other} ") for other in titles) for title in titles) >= 3


def test_three_percent_of_titles_are_not_unique() -> None:
    titles = Counter(one.title for one in default_world().articles)
    repeated = sum(count for count in titles.values() if count > 1)
    assert repeated / titles.total() == pytest.approx(0.03, abs=0.005)
    named_twice = {one.id for one in default_world().entities if titles[one.title] > 1}
    assert all(
        fact.exposures == 0 and fact.role == "index" for fact in default_world().facts if fact.subject in named_twice
    )


def test_one_article_an_entity_and_none_in_pretraining() -> None:
    world = default_world()
    assert {one.id for one in world.articles} == {one.id for one in world.entities if one.popularity > 0}
    assert {one.text for one in world.articles}.isdisjoint(one.text for one in world.documents)
    values = defaultdict(set)
    for fact in world.facts:
        values[fact.subject].add(fact.value)
    for article in world.articles:
        assert article.title in article.text
        assert values[article.id] <= set(
            article.text.replace(",", " ").replace(".", " ").replace(";", " ").replace(":", " ").split()
        )


def test_popularity_is_zipf_and_crossed_with_exposure() -> None:
    world = default_world()
    shares = sorted((one.popularity for one in world.entities if one.popularity), reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] / shares[9] == pytest.approx(10.0)
    total: Counter[str] = Counter()
    for fact in world.facts:
        total[fact.subject] += fact.exposures
    served = sorted((one for one in world.entities if one.popularity), key=lambda one: total[one.id])
    rank = {id: index for index, id in enumerate(sorted((one.id for one in served), key=lambda id: total[id]))}
    by_popularity = sorted(served, key=lambda one: one.popularity)
    n = len(served)
    distance = sum((rank[one.id] - index) ** 2 for index, one in enumerate(by_popularity))
    assert abs(1 - 6 * distance / (n * (n * n - 1))) < 0.1, "Spearman correlation"


def test_names_of_two_purposes_never_meet() -> None:
    lists = [set(invent(3, purpose, 40)) for purpose in names._ENDINGS]
    assert len(set().union(*lists)) == 40 * len(lists)


def test_longer_lists_of_names_begin_with_shorter_ones() -> None:
    assert invent(0, "town", 30)[:10] == invent(0, "town", 10)


def test_too_many_names_and_senses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "words", lambda name: ("b",))
    with pytest.raises(UserError, match=r"no more than .* 'region'"):
        invent(0, "region", 10_000)
    monkeypatch.undo()
    with pytest.raises(UserError, match="shared_title_words"):
        generate(World(places=4, organisations=4, objects=4, facts_per_level=10))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"facts_per_level": 400}, "hold only"),
        ({"exposure_levels": (0, 2, 1)}, "rising order"),
        ({"exposure_levels": ()}, "rising order"),
        ({"tuned_hazards": 6}, "multiple of 4"),
        ({"hazards_per_level": 3}, "multiple of 4"),
        ({"hazard_domains": ("plants", "plants")}, "once"),
        ({"open_share": 0.6, "never_share": 0.4}, "below 1"),
        ({"tuned_verbs": 7, "unseen_verbs": 4}, "8 verbs"),
        ({"peple": 3}, "peple"),
        ({"null": "noise"}, "one_sense"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        World.model_validate(values)
