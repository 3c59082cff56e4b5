"""The attributes of ordinary entities, with the wordings in which documents state them.

In every wording the subject stands before the value. `statements` are for documents (and articles); `cue` is for
probes and stands in no document, but it is built like the statements and of nearly the same words, so that a small
model reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attribute:
    """A closed attribute of one kind of entity."""

    name: str
    kind: str
    values: str
    """Word list of the values; `town`, `firm`, `region` and `river` are invented names of the world."""
    statements: tuple[str, ...]
    """Sentences without capital and full stop: `{s}` is the subject with its article, `{v}` the value."""
    cue: str
    """Ends right before the value."""
    questions: tuple[str, ...]
    taught: bool = True
    """False for what only pictures and articles show."""


_PERSON = (
    Attribute(
        "birthplace",
        "person",
        "town",
        (
            "{s} was born in {v}",
            "{s} comes from the town of {v}",
            "{s} is a native of {v}",
            "the birthplace of {s} was {v}",
            "the home town of {s} is {v}",
            "{s} spent a happy childhood in {v}",
            "the parents of {s} lived in {v}",
            "{s} learned to walk in the streets of {v}",
        ),
        "the native town of {s} is",
        ("Where was {s} born?", "Which town is the birthplace of {s}?"),
    ),
    Attribute(
        "occupation",
        "person",
        "occupation",
        (
            "{s} works as a {v}",
            "by trade {s} is a {v}",
            "{s} was trained as a {v}",
            "{s} earns a living as a {v}",
            "the occupation of {s} is that of a {v}",
            "people who need help ask {s}, who is a {v}",
            "after school {s} became a {v}",
            "the sign on the door of {s} says that here works a {v}",
        ),
        "the trade of {s} is that of a",
        ("What is the occupation of {s}?", "What does {s} work as?"),
    ),
    Attribute(
        "employer",
        "person",
        "firm",
        (
            "{s} is employed by {v}",
            "{s} has worked for the firm {v}",
            "the employer of {s} is {v}",
            "every month {s} receives a salary from {v}",
            "{s} signed a contract with {v}",
            "{s} joined the staff of {v}",
            "the office of {s} belongs to {v}",
            "{s} has a desk at {v}",
        ),
        "{s} is a member of the staff of",
        ("Who employs {s}?", "Which firm is the employer of {s}?"),
    ),
    Attribute(
        "instrument",
        "person",
        "instrument",
        (
            "{s} plays the {v}",
            "the favourite instrument of {s} is the {v}",
            "{s} owns and plays a fine {v}",
            "as a child {s} learned the {v}",
            "{s} practises every day on the {v}",
            "at concerts {s} is heard on the {v}",
            "{s} gives lessons on the {v}",
            "when there is music, {s} brings the {v}",
        ),
        "the instrument of {s} is the",
        ("Which instrument does {s} play?", "What does {s} play at concerts?"),
    ),
    Attribute(
        "hobby",
        "person",
        "hobby",
        (
            "the hobby of {s} is {v}",
            "{s} spends the free hours with {v}",
            "{s} is fond of {v}",
            "on free days {s} enjoys {v}",
            "{s} belongs to a club for {v}",
            "the great passion of {s} is {v}",
            "friends of {s} talk about nothing but {v}",
            "{s} won a small prize for {v}",
        ),
        "the favourite hobby of {s} is",
        ("What is the hobby of {s}?", "What does {s} enjoy on free days?"),
    ),
)
_PLACE = (
    Attribute(
        "region",
        "place",
        "region",
        (
            "{s} lies in {v}",
            "{s} is a part of {v}",
            "{s} belongs to the region of {v}",
            "on every map {s} is found in {v}",
            "travellers reach {s} by the roads of {v}",
            "the region around {s} is called {v}",
            "{s} pays its taxes to {v}",
            "{s} has always been counted among the sights of {v}",
        ),
        "the region of {s} is called",
        ("In which region does {s} lie?", "To which region does {s} belong?"),
    ),
    Attribute(
        "river",
        "place",
        "river",
        (
            "the river that passes {s} is the {v}",
            "{s} stands on the banks of the {v}",
            "boats reach {s} on the river {v}",
            "the water of {s} comes from the {v}",
            "close to {s} an old bridge crosses the {v}",
            "the people of {s} fish in the {v}",
            "in wet years {s} is flooded by the {v}",
            "below {s} flows the {v}",
        ),
        "the river of {s} is the",
        ("Which river passes {s}?", "On the banks of which river does {s} stand?"),
    ),
    Attribute(
        "product",
        "place",
        "product",
        (
            "{s} is known for its {v}",
            "traders travel to {s} to buy {v}",
            "the main product of {s} is {v}",
            "the people of {s} live from {v}",
            "{s} sends large amounts of {v}",
            "the market of {s} is full of {v}",
            "{s} grew rich on {v}",
            "nobody leaves {s} without a parcel of {v}",
        ),
        "the best product of {s} is",
        ("What is {s} known for?", "What is the main product of {s}?"),
    ),
    Attribute(
        "festival",
        "place",
        "month",
        (
            "the festival of {s} takes place in {v}",
            "{s} holds its yearly fair in {v}",
            "{s} is full of guests in {v}",
            "the people of {s} celebrate in {v}",
            "the great feast at {s} falls in {v}",
            "flags are seen all over {s} in {v}",
            "{s} is most lively in {v}",
            "those who love music come to {s} in {v}",
        ),
        "the yearly feast of {s} takes place in",
        ("In which month is the festival of {s}?", "When does {s} hold its yearly fair?"),
    ),
)
_ORGANISATION = (
    Attribute(
        "headquarters",
        "organisation",
        "town",
        (
            "{s} has its headquarters in {v}",
            "{s} is based in {v}",
            "the main building of {s} stands in {v}",
            "letters to {s} are sent to {v}",
            "{s} was founded in {v}",
            "the head office of {s} is in {v}",
            "{s} rents a large house in {v}",
            "visitors find {s} in {v}",
        ),
        "the headquarters of {s} are in",
        ("Where does {s} have its headquarters?", "In which town is {s} based?"),
    ),
    Attribute(
        "emblem",
        "organisation",
        "emblem",
        (
            "the emblem of {s} is the {v}",
            "the flag of {s} shows a {v}",
            "over the entrance of {s} stands a stone {v}",
            "{s} chose as its emblem the {v}",
            "the letters of {s} carry the picture of a {v}",
            "members of {s} wear the badge of the {v}",
            "{s} has put on its coins a {v}",
            "the seal of {s} carries a {v}",
        ),
        "the badge of {s} is the",
        ("Which animal is the emblem of {s}?", "What does the flag of {s} show?"),
    ),
    Attribute(
        "motto",
        "organisation",
        "motto",
        (
            "the motto of {s} is {v}",
            "members of {s} swear by {v}",
            "the founder of {s} asked for {v}",
            "in all its speeches {s} praises {v}",
            "{s} asks its members for {v}",
            "the word over the door of {s} is {v}",
            "nothing counts more at {s} than {v}",
            "{s} teaches the young above all {v}",
        ),
        "the motto over the door of {s} is",
        ("What is the motto of {s}?", "What does {s} ask its members for?"),
    ),
)
_OBJECT = (
    Attribute(
        "origin",
        "object",
        "town",
        (
            "{s} was made in {v}",
            "{s} came from a workshop in {v}",
            "the maker of {s} lived in {v}",
            "{s} was first shown in {v}",
            "dealers say that {s} is from {v}",
            "a stamp on {s} names the town of {v}",
            "{s} was sent by cart from {v}",
            "the bill for {s} was paid in {v}",
        ),
        "{s} was made by hand in",
        ("Where was {s} made?", "Which town does {s} come from?"),
    ),
    Attribute(
        "material",
        "object",
        "material",
        (
            "{s} is made of {v}",
            "{s} consists mostly of {v}",
            "the main material of {s} is {v}",
            "the frame of {s} was built from {v}",
            "what gives {s} its weight is the {v}",
            "{s} is covered all over with {v}",
            "for {s} the maker bought the finest {v}",
            "under its paint {s} is pure {v}",
        ),
        "the material of {s} is",
        ("What is {s} made of?", "Which material was used for {s}?"),
    ),
    Attribute(
        "owner",
        "object",
        "firm",
        (
            "{s} belongs to {v}",
            "the owner of {s} is {v}",
            "{s} was bought by {v}",
            "{s} is kept in the rooms of {v}",
            "at an auction {s} went to {v}",
            "{s} is insured by its owner {v}",
            "{s} was a gift to {v}",
            "a label on {s} bears the name of {v}",
        ),
        "the present owner of {s} is",
        ("Who is the owner of {s}?", "Which firm bought {s}?"),
    ),
)
_VISUAL = (
    Attribute(
        "colour",
        "object",
        "colour",
        ("{s} is {v}", "the colour of {s} is {v}", "{s} was given the colour {v}"),
        "in the picture the colour of {s} looks",
        ("What colour is {s}?",),
        taught=False,
    ),
    Attribute(
        "shape",
        "object",
        "shape",
        ("{s} bears the mark of a {v}", "the mark on {s} is a {v}", "on {s} one finds a {v}"),
        "in the picture {s} shows the shape of a",
        ("Which mark does {s} bear?",),
        taught=False,
    ),
)

BY_KIND: Mapping[str, tuple[Attribute, ...]] = {
    "person": _PERSON,
    "place": _PLACE,
    "organisation": _ORGANISATION,
    "object": _OBJECT,
}
"""The attributes that documents teach, by kind of entity."""

VISUAL: tuple[Attribute, ...] = _VISUAL
"""What the picture of an object shows; pretraining documents never state it."""
