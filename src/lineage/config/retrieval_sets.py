"""Configs of retrieval sets: where documents, queries and judgements come from, and how documents are named."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, RootModel, model_validator

from lineage.config.base import Frozen

Split = Literal["train", "validation", "test"]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class Synthetic(Frozen):
    """Training queries that are made from the text of documents."""

    documents: Literal["unlabelled", "all"] = "unlabelled"
    """`unlabelled`: documents without a training query of the source; `all`: every document."""
    sentences: NonNegativeInt = 0
    """Sentences of the text, so many a document: each is a query."""
    keywords: NonNegativeInt = 0
    """Samples of words of the text, so many a document: each is a query."""
    words: PositiveInt = 6
    """Words of a sample, without stop words; a sentence is cut behind four times as many."""
    title_words: bool = False
    """Whether queries may hold words of the title."""
    seed: NonNegativeInt = 0
    """Seed of the choice of sentences and words."""


class SetReading(Frozen):
    """What every retrieval set has."""

    identifiers: Literal["expand", "disambiguate"] = "expand"
    """Where several documents share a title: `expand` lets the title name them all, `disambiguate` adds ` (2)`,
    ` (3)`, ... to the second and later ones."""
    empty_titles: Literal["error", "first_words", "none"] = "error"
    """A document without a title: an error; named by the first `title_words` words of its text; or no document of the
    set is named, which is enough for BM25 and bi-encoders and refused by generative retrievers."""
    title_words: PositiveInt = 12
    """Words of a name that is made from the text."""
    max_title_words: PositiveInt = 64
    """A longer title is an error, or is cut."""
    long_titles: Literal["error", "cut"] = "error"
    """What happens to a longer title; those that are cut are counted."""
    unjudged: Literal["drop", "keep"] = "drop"
    """Queries without a relevant document: left out and counted, or kept (they score 0 in KILT's measures)."""
    synthetic: Synthetic = Synthetic()
    """Training queries made from documents; none by default."""


class Outside(SetReading):
    """What every set of the user's own has."""

    path: str | None = None
    """File or folder, relative to `data_root`; the workflow hands it to the stage, and it is no part of the spec."""
    validation_share: Share = 0.0
    """Share of the training queries that become validation, where the source has no validation queries."""
    unseen_share: Share = 0.0
    """Share of the documents with training queries that lose all of them (they are dropped), so that test queries about
    them are unseen."""
    split_seed: NonNegativeInt = 0
    """Seed of these shares."""


class WorldSet(SetReading):
    """Articles of the generated world, and queries about them by popularity."""

    source: Literal["world"]
    """Articles and facts of the generated world (docs/retrieval.md)."""
    kinds: Annotated[list[Literal["described", "named"]], Field(min_length=1)] = ["described"]
    """`described`: the subject is told by other facts, without a word of its title; `named`: by its title."""
    training_queries: PositiveInt = 1500
    """About so many training queries of each kind, dealt to documents by popularity; popular documents run out of
    different questions."""
    evaluation_per_document: PositiveInt = 1
    """Validation queries a document, and as many test queries beside those that ask for facts of known exposure."""
    unseen_share: Annotated[float, Field(ge=0.2, lt=1.0)] = 0.25
    """Share of the documents that no training query is about, at least."""
    max_relevant: PositiveInt = 2
    """A description that fits more documents is no query."""
    seed: NonNegativeInt = 0
    """Seed of wordings, splits and the choice of unseen documents."""


class BeirSet(Outside):
    """A folder in the layout of BEIR (arXiv 2104.08663)."""

    source: Literal["beir"]
    """`corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`), `qrels/<split>.tsv`."""
    qrels: Annotated[dict[Split, str], Field(min_length=1)] = {"test": "test"}
    """Which file of `qrels/`, without `.tsv`, holds the judgements of which split: `{train: train, test: test}`."""
    grades: Literal["checked", "trusted"] = "checked"
    """`checked`: grades that look inverted (0 for the few relevant documents, more for the rest) are an error."""


class CacmSet(Outside):
    """The CACM collection: 3,204 records, 64 topics, 52 of them judged."""

    source: Literal["cacm"]
    """Folder with `cacm.tar.gz`, `topics.cacm.txt` and `qrels.cacm.txt`; topics are test queries."""
    text: Literal["abstract", "record"] = "abstract"
    """`record`: all that stands in the file, ids of cited records included, as reference runs index it."""


class SquadSet(Outside):
    """SQuAD and XQuAD: questions on paragraphs of articles."""

    source: Literal["squad"]
    """JSON of `data`: `title`, `paragraphs` of `context` and `qas`."""
    documents: Literal["titles", "paragraphs"] = "titles"
    """What a document is: an article with its paragraphs, or a paragraph (then titles are shared)."""
    unseen_titles: NonNegativeInt = 0
    """So many articles, drawn by `split_seed`, keep all of their questions for the test. Of the others every fourth of
    five paragraphs gives validation, every fifth test questions."""


class Nq320kSet(Outside):
    """NQ-320k as its first users built it from Natural Questions (arXiv 2206.02743)."""

    source: Literal["nq320k"]
    """Folder with the files of Natural Questions 1.0 named in `train` and `test` (JSON Lines, also `.gz`)."""
    train: str = "v1.0-simplified_simplified-nq-train.jsonl.gz"
    """File of training questions."""
    test: str = "v1.0-simplified_nq-dev-all.jsonl.gz"
    """File of test questions."""
    expected: tuple[PositiveInt, PositiveInt, PositiveInt] | None = (109_739, 307_373, 7_830)
    """Documents, training and test questions that there must be; null for a part of the files."""


class GenretSet(Outside):
    """NQ-320k as GenRet (arXiv 2304.04171) hands it on: pairs of question and number of a document."""

    source: Literal["genret"]
    """Folder with `corpus_lite.json` (texts), `train.json`, `dev.json`, and perhaps `dev.json.seen`, `.unseen`."""
    empty_titles: Literal["error", "first_words", "none"] = "first_words"
    """Its documents have no titles; see the other sets."""


class KiltSet(Outside):
    """Pages of Wikipedia and questions of KILT (arXiv 2009.02252)."""

    source: Literal["kilt"]
    """Folder with `kilt_knowledgesource.json` and the files of the task; its development questions are the test."""
    task: Literal["nq", "triviaqa"]
    """Which questions."""
    questions: list[str] = []
    """For `triviaqa`, whose KILT files hold ids only: files of TriviaQA in the folder, with `QuestionId` and
    `Question`."""
    pages: Literal["all", "judged"] = "all"
    """`judged`: only pages that answer a question, for a small machine; no longer KILT's task."""
    unjudged: Literal["drop", "keep"] = "keep"
    """Questions without a page: KILT scores them 0."""


class NqOpenSet(Outside):
    """Questions of NQ-open: answers, but neither documents nor judgements."""

    source: Literal["nq_open"]
    """JSON Lines of `question` and `answer`."""
    unjudged: Literal["drop", "keep"] = "keep"
    """No question is judged."""


class HubTable(Frozen):
    """One table that the library `datasets` reads."""

    name: str | None = None
    """Hub id, such as `BeIR/scifact`; null where `file` names a file or folder below `path`."""
    revision: str | None = None
    """Commit hash (or tag) of a hub data set; required with `name`."""
    subset: str | None = None
    """Configuration, such as `corpus`."""
    split: str = "train"
    """Split of the table."""
    file: str | None = None
    """File or folder below the set's `path`."""

    @model_validator(mode="after")
    def _one_place(self) -> "HubTable":
        if (self.name is None) == (self.file is None):
            raise ValueError("give either `name` (hub id) or `file` (below `path`)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        return self


class SetColumns(Frozen):
    """Which column holds which part."""

    document: str = "_id"
    """Id of a document in the table of documents."""
    title: str | None = "title"
    """Title of a document; null: no titles."""
    text: str = "text"
    """Text of a document."""
    query: str = "_id"
    """Id of a query in the table of queries."""
    query_text: str = "text"
    """Text of a query."""
    judged_query: str = "query-id"
    """Id of the query in the table of judgements."""
    judged_document: str = "corpus-id"
    """Id of the document in the table of judgements."""
    grade: str | None = "score"
    """Grade; null: all 1."""


class HubSet(Outside):
    """Three tables that the library `datasets` reads: documents, queries, judgements."""

    source: Literal["hub"]
    """Tables of the hub, or of a folder."""
    documents: HubTable
    """Table of documents."""
    queries: HubTable
    """Table of queries."""
    qrels: Annotated[dict[Split, HubTable], Field(min_length=1)]
    """Judgements of each split."""
    columns: SetColumns = SetColumns()
    """Which column holds what."""
    grades: Literal["checked", "trusted"] = "checked"
    """`checked`: grades that look inverted are an error."""


SetEntry = Annotated[
    WorldSet | BeirSet | CacmSet | SquadSet | Nq320kSet | GenretSet | KiltSet | NqOpenSet | HubSet,
    Field(discriminator="source"),
]


class RetrievalSet(RootModel[SetEntry]):
    """One retrieval set; `source` says where it comes from."""
