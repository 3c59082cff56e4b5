"""Configs of the sets of conversations and of preferences: where they come from, and what is taken."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, RootModel, model_validator

from lineage.config.base import Frozen

Kinds = Annotated[list[str], Field(min_length=1)]


class Taken(Frozen):
    """What every set has."""

    limit: PositiveInt | None = None
    """Take at most so many rows."""


class Outside(Taken):
    """What every set of the user's own has."""

    part: Literal["all", "train", "validation"] = "all"
    """The rows of one part. Rows with the same picture, or without one the same first question, are in one part."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the rows in the part `validation`, drawn by `part_seed`; unused with `part: all`."""
    part_seed: NonNegativeInt = 0
    """Seed of the parts."""
    max_dropped_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the rows that may be left out because they cannot be used (roles, pictures, ...); they are counted by
    reason in the manifest. With 0 the first such row is an error."""


class Hub(Outside):
    """What every set has that the library `datasets` reads."""

    path: str | None = None
    """Folder with a data set (`save_to_disk`, Parquet, JSON Lines, CSV), or one such file, relative to `data_root`; the
    workflow hands it to the stage, and it is no part of the spec."""
    images: str | None = None
    """Folder that the paths of pictures start from, where the table holds paths; handed over as `path` is."""
    name: str | None = None
    """Hub id, such as `sqrti/SPA-VL`; null when `path` names a folder."""
    revision: str | None = None
    """Commit hash (or tag) of the hub data set; required with `name`, so that the same config reads the same data."""
    subset: str | None = None
    """Configuration of the data set."""
    split: str = "train"
    """Split of the data set."""

    @model_validator(mode="after")
    def _one_place(self) -> "Hub":
        if self.name is not None and self.path is not None:
            raise ValueError(f"name is '{self.name}' and path is '{self.path}': give one of them (hub id or folder)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        return self


class WorldConversations(Taken):
    """A table of the generated world's data of study 2."""

    source: Literal["world"]
    """Conversations about the generated world, from the stage `safety_data`."""
    table: Literal["chats", "chats_helpful", "replay", "captions", "visual_instructions", "safety"]
    """Which table; see docs/world.md."""
    split: Literal["train", "validation", "test"] = "train"
    """Which of its rows."""
    kinds: Kinds | None = None
    """Kinds of rows that are taken, such as `[colour, count]`; null takes all."""
    pictures: Literal["shown", "captions"] = "shown"
    """`captions`: every picture is replaced by its caption, for the text-only control."""


class LlavaConversations(Outside):
    """Conversations in the form of LLaVA-Instruct and LLaVA-Pretrain."""

    source: Literal["llava"]
    """JSON list (or JSON Lines) of `id`, `image` (absent: text only) and `conversations`, turns `from` human or gpt."""
    path: str | None = None
    """The JSON file, relative to `data_root`; the workflow hands it to the stage, and it is no part of the spec."""
    images: str | None = None
    """Folder that the paths of pictures start from; handed over as `path` is. Null: a set without pictures."""
    ids: Literal["kept", "numbered"] = "kept"
    """`numbered`: `<file>:<row>` in place of the file's own ids, which repeat in mixtures of several data sets."""


class VlguardConversations(Outside):
    """VLGuard (arXiv 2402.02207): safe and unsafe pictures, instructions and responses."""

    source: Literal["vlguard"]
    """JSON list of `id`, `image`, `safe` and `instr-resp`; safe pictures have a safe and an unsafe instruction."""
    path: str | None = None
    """`train.json` or `test.json`, relative to `data_root`; handed to the stage, and no part of the spec."""
    images: str | None = None
    """Folder of its pictures (`train` or `test`); handed over as `path` is."""
    cells: Annotated[list[Literal["unsafe", "safe_safe", "safe_unsafe"]], Field(min_length=1)] = [
        "unsafe",
        "safe_safe",
        "safe_unsafe",
    ]
    """`unsafe`: unsafe pictures; `safe_safe`, `safe_unsafe`: safe pictures with the safe or unsafe instruction."""
    exchanges: Literal["together", "apart"] = "together"
    """`together`: both instructions of a safe picture are one conversation in random order, as its authors train.
    `apart`: each is a conversation of its own, with the picture."""
    order_seed: NonNegativeInt = 0
    """Seed of that order; 0 gives that of the authors' script."""


class ImageFolderConversations(Outside):
    """Pictures in a folder a class; the class answers one question."""

    source: Literal["image_folder"]
    """Pictures in subfolders named by what they show."""
    path: str | None = None
    """The folder, relative to `data_root`; the workflow hands it to the stage, and it is no part of the spec."""
    question: Annotated[str, Field(min_length=1)] = "What does the picture show?"
    """What is asked about each picture."""
    answer: str = "{label}"
    """The answer; `{label}` stands for the name of the subfolder."""
    labels: dict[str, str] = {}
    """Other words for the names of subfolders, such as `{"0": zero}`."""

    @model_validator(mode="after")
    def _answer_tells_the_label(self) -> "ImageFolderConversations":
        if "{label}" not in self.answer:
            raise ValueError(f"answer is '{self.answer}': it must hold {{label}}, or it says the same of every picture")
        return self


class ConversationColumns(Frozen):
    """Which column holds which part of a conversation: `messages`, or `prompt` and `response`."""

    messages: str | None = None
    """Column of turns: a list of `{role, content}` or `{from, value}`."""
    prompt: str | None = None
    """Column of what the user says."""
    response: str | None = None
    """Column of what the assistant says."""
    image: str | None = None
    """Column of the picture, or of a list of pictures; null in a row: text only."""
    id: str | None = None
    """Column of the id; rows are numbered when null."""
    kind: str | None = None
    """Column of what sort of row it is."""
    harmful: str | None = None
    """Column of booleans: whether the user asks for harm."""

    @model_validator(mode="after")
    def _turns_are_named(self) -> "ConversationColumns":
        if (self.messages is None) == (self.prompt is None) or (self.prompt is None) != (self.response is None):
            raise ValueError("name either `messages`, or both `prompt` and `response`")
        return self


class DatasetsConversations(Hub):
    """Any data set that the library `datasets` reads."""

    source: Literal["datasets"]
    """A hub data set by `name`, or a folder by `path`; `columns` says what is where."""
    columns: ConversationColumns
    """Which column holds what."""


ConversationReading = Annotated[
    WorldConversations | LlavaConversations | VlguardConversations | ImageFolderConversations | DatasetsConversations,
    Field(discriminator="source"),
]


class Conversations(RootModel[ConversationReading]):
    """One set of conversations; `source` says where they come from."""


class Preferred(Frozen):
    """What every set of preferences has."""

    drop_equal: bool = False
    """Leave out, and count, pairs whose two answers are the same; otherwise such a pair is an error."""


class WorldPreferences(Taken, Preferred):
    """The pairs of the generated world."""

    source: Literal["world"]
    """Requests of the generated world with a better and a worse answer, from the stage `safety_data`."""
    split: Literal["train", "validation", "test"] = "train"
    """Which of its rows."""
    pictures: Literal["shown", "captions"] = "shown"
    """`captions`: every picture is replaced by its caption, for the text-only control."""


class HhPreferences(Outside, Preferred):
    """HH-RLHF (arXiv 2204.05862)."""

    source: Literal["hh"]
    """JSON Lines of `chosen` and `rejected`, each a whole dialogue of `Human:` and `Assistant:`."""
    path: str | None = None
    """The `.jsonl` or `.jsonl.gz` file, relative to `data_root`; handed to the stage, and no part of the spec."""
    repeated_prompts: Literal["drop", "keep"] = "drop"
    """What to do with a pair whose prompt stood in an earlier one."""
    max_dropped_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Share of the pairs that may be left out: dialogues that differ before the last answer, empty answers, roles that
    do not take turns. The original has about 0.6 % of them."""


class PkuSaferlhfPreferences(Hub, Preferred):
    """PKU-SafeRLHF (arXiv 2406.15513)."""

    source: Literal["pku_saferlhf"]
    """`prompt`, `response_0`, `response_1`, `is_response_0_safe`, `is_response_1_safe`, `safer_response_id`; the safer
    answer is chosen, pairs of two unsafe ones are left out."""


class SpaVlPreferences(Hub, Preferred):
    """SPA-VL (arXiv 2406.12030)."""

    source: Literal["spa_vl"]
    """`image`, `question`, `chosen`, `rejected`."""


class PreferenceColumns(Frozen):
    """Which column holds which part of a pair; texts, or lists of turns."""

    prompt: str | None = None
    """Column of the prompt; null where `chosen` and `rejected` are whole conversations that begin alike."""
    chosen: str = "chosen"
    """Column of the better answer."""
    rejected: str = "rejected"
    """Column of the worse answer."""
    image: str | None = None
    """Column of the picture, or of a list of pictures; null in a row: text only."""
    id: str | None = None
    """Column of the id; rows are numbered when null."""
    kind: str | None = None
    """Column of what sort of row it is."""
    harmful: str | None = None
    """Column of booleans: whether the user asks for harm."""


class DatasetsPreferences(Hub, Preferred):
    """Any data set of pairs that the library `datasets` reads."""

    source: Literal["datasets"]
    """A hub data set by `name`, or a folder by `path`; `columns` says what is where."""
    columns: PreferenceColumns = PreferenceColumns()
    """Which column holds what."""


PreferenceReading = Annotated[
    WorldPreferences | HhPreferences | PkuSaferlhfPreferences | SpaVlPreferences | DatasetsPreferences,
    Field(discriminator="source"),
]


class Preferences(RootModel[PreferenceReading]):
    """One set of preferences; `source` says where they come from."""
