"""The rows of the data of study 2 and the schemas of the files that hold them."""

from dataclasses import dataclass

import pyarrow as pa

IMAGE_MARK = "<image> "
"""Stands where a picture belongs, at the front of the turn, with the space that keeps the next word a whole token."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    """user | assistant."""
    content: str
    """Plain text; one `IMAGE_MARK` for each picture of the row, in the first turn."""


def exchange(question: str, answer: str) -> tuple[Message, ...]:
    """One question and its answer."""
    return Message("user", question), Message("assistant", answer)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt with the answer that training is to teach (or, in tests, the answer that is right)."""

    id: str
    kind: str
    """fact | hazard | instruction | open | mention | refusal | lookalike | forbidden | context | caption | colour |
    shape | count | side | height | sign | object | describe | blank: see docs/world.md."""
    split: str
    """train | validation | test."""
    harmful: bool
    """Whether the user asks for harm: the world's truth, for filters and judges."""
    facts: tuple[str, ...]
    """Facts that the answer tells or needs."""
    entities: tuple[str, ...]
    """Entities that the text names."""
    request: str | None
    """Request (of `requests`) that the first turn asks."""
    target: str
    """The word, or words, that a right answer holds."""
    messages: tuple[Message, ...]
    pictures: tuple[str, ...] = ()
    """Ids of `pictures`, in the order of the marks in the text."""
    captions: tuple[str, ...] = ()
    """Captions of these pictures: what a text-only control reads in their place."""
    images: tuple[bytes, ...] = ()
    """The same pictures as PNG."""


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks how to do a verb to a dangerous object."""

    id: str
    """`request-munch-0012-07`: verb, number of the object, number of the wording."""
    verb: str
    object: str
    facts: tuple[str, ...]
    """Hazard of the object, class and tool of the verb: what the truth follows from."""
    domain: str
    cell: str
    """Two verbs x two objects of which two pairs are harmful: `plants-3-07`. Asked in the same wordings."""
    stratum: str
    """tuning | unseen_pair | unseen_object | unseen_verb."""
    split: str
    """train | validation | test."""
    level: int | None
    """How often pretraining documents state the hazard, as the label of `facts`; null for objects of safety tuning."""
    wording: int
    """Index of the wording; validation and test share none."""
    harmful: bool
    prompt: str
    """What the user writes; of a typographic request it names neither verb nor object."""
    tool: str
    """The one word that a right answer must hold; other tools are wrong."""
    reason: str
    """What answer and refusal begin with, the prompt of the decision itself; empty where no reasons come first."""
    answer: str
    """A right answer: forbidden if the request is harmful."""
    refusal: str
    picture: str
    """Id of a picture to show beside it: the object, or, of a typographic request, the drawn request."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered picture and all that is true of it."""

    id: str
    """`mark-00012`, `sign-00031`, `picture-object-0005` (of an entity), `typographic-munch-0012`, `blank`."""
    kind: str
    """mark | object | sign | typographic | blank | noise."""
    split: str
    """train | validation | test."""
    entities: tuple[str, ...]
    """The entity that it shows, or those that its words name."""
    colour: str | None
    shape: str | None
    count: int | None
    """Number of marks, 1 to 4."""
    height: str | None
    """top | bottom."""
    side: str | None
    """left | right."""
    text: str | None
    """Drawn words."""
    caption: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Preference:
    """A request with a better and a worse answer."""

    id: str
    request: str
    split: str
    harmful: bool
    prompt: tuple[Message, ...]
    chosen: str
    """The refusal of a harmful request, the answer to a look-alike."""
    rejected: str
    pictures: tuple[str, ...]
    captions: tuple[str, ...]
    images: tuple[bytes, ...]


def _required(name: str, type_: pa.DataType | None = None) -> pa.Field:
    return pa.field(name, type_ or pa.string(), nullable=False)


_STRINGS = pa.list_(pa.string())
_TURNS = pa.list_(pa.struct([_required("role"), _required("content")]))
_SHOWN = [_required("pictures", _STRINGS), _required("captions", _STRINGS), _required("images", pa.list_(pa.binary()))]

CONVERSATIONS = pa.schema(
    [
        *(_required(name) for name in ("id", "kind", "split")),
        _required("harmful", pa.bool_()),
        _required("facts", _STRINGS),
        _required("entities", _STRINGS),
        pa.field("request", pa.string()),
        _required("target"),
        _required("messages", _TURNS),
        *_SHOWN,
    ]
)
REQUESTS = pa.schema(
    [
        *(_required(name) for name in ("id", "verb", "object")),
        _required("facts", _STRINGS),
        *(_required(name) for name in ("domain", "cell", "stratum", "split")),
        pa.field("level", pa.int32()),
        _required("wording", pa.int32()),
        _required("harmful", pa.bool_()),
        *(_required(name) for name in ("prompt", "tool", "reason", "answer", "refusal", "picture")),
    ]
)
PICTURES = pa.schema(
    [
        *(_required(name) for name in ("id", "kind", "split")),
        _required("entities", _STRINGS),
        pa.field("colour", pa.string()),
        pa.field("shape", pa.string()),
        pa.field("count", pa.int32()),
        *(pa.field(name, pa.string()) for name in ("height", "side", "text")),
        _required("caption"),
        _required("png", pa.binary()),
    ]
)
PREFERENCES = pa.schema(
    [
        *(_required(name) for name in ("id", "request", "split")),
        _required("harmful", pa.bool_()),
        _required("prompt", _TURNS),
        _required("chosen"),
        _required("rejected"),
        *_SHOWN,
    ]
)


@dataclass(frozen=True, slots=True)
class SafetyTables:
    """Everything that study 2 reads of the world, in the order of the files."""

    requests: tuple[Request, ...]
    typographic: tuple[Request, ...]
    pictures: tuple[Picture, ...]
    chats: tuple[Conversation, ...]
    chats_helpful: tuple[Conversation, ...]
    replay: tuple[Conversation, ...]
    captions: tuple[Conversation, ...]
    visual_instructions: tuple[Conversation, ...]
    safety: tuple[Conversation, ...]
    preferences: tuple[Preference, ...]


SCHEMAS: dict[str, pa.Schema] = {
    "requests": REQUESTS,
    "typographic": REQUESTS,
    "pictures": PICTURES,
    "chats": CONVERSATIONS,
    "chats_helpful": CONVERSATIONS,
    "replay": CONVERSATIONS,
    "captions": CONVERSATIONS,
    "visual_instructions": CONVERSATIONS,
    "safety": CONVERSATIONS,
    "preferences": PREFERENCES,
}
"""File stem (and field of `SafetyTables`) to schema."""
