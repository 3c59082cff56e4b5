"""`lineage search`: ask a retriever, or look at what it found for the queries of its set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from lineage.artifact import Artifact
from lineage.cli.display import short, show_json, show_table
from lineage.cli.inventory import Found
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import open_project
from lineage.config.messages import listed
from lineage.errors import UserError

Retriever = Annotated[str, typer.Argument(help="Name of a retriever, such as `bm25`.", show_default=False)]
Query = Annotated[
    str | None, typer.Argument(help="Id of a query of the set, or any text; none with --errors.", show_default=False)
]
Errors = Annotated[bool, typer.Option("--errors", help="List queries whose first document is not relevant.")]
Split = Annotated[str, typer.Option("--split", help="Queries that --errors looks at.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Rows at most.")]


def search(
    retriever: Retriever,
    query: Query = None,
    errors: Errors = False,
    split: Split = "test",
    limit: Limit = 10,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show what a retriever finds: for a query of its set, for any text, or where it fails.

    --json prints {"retriever", "query", "found": [{"rank", "document", "score", "relevant", "title", "text"}]}
    (`relevant` is null for text of your own), with --errors {"retriever", "split", "queries", "errors": [{"query",
    "text", "found", "relevant", "rank"}]}: rank of the first relevant document, null where none was found.

    Examples:

        lineage search bm25 "who plays the flute"

        lineage search bm25 person-0012.hobby.described

        lineage search bm25 --errors --limit 50
    """
    project = open_project(configfile, settings, results, experiment)
    found = project.find(project.name(retriever))
    run = found.open("run")
    of = project.inventory.input(found, "retrieval_set").open("retrieval_set")
    if errors == (query is not None):
        raise UserError("give either a query or --errors: `lineage search --help` shows examples")
    if errors:
        _show_errors(found, run, of, split, limit, as_json)
    else:
        assert query is not None
        _show_ranking(found, run, of, query, limit, as_json)


def _show_errors(found: Found, run: Artifact, of: Artifact, split: str, limit: int, as_json: bool) -> None:
    from lineage.retrieval import schemas
    from lineage.retrieval.runs import read_run
    from lineage.retrieval.tables import read_qrels, read_queries

    searched = run.manifest.counts["queries by split"]
    if split not in searched:
        raise UserError(f"--split is '{split}', but {found.name} searched for: {listed(searched)}")
    qrels, ranking = read_qrels(of.path(schemas.QRELS)), read_run(run.path(schemas.RUN))
    queries = [one for one in read_queries(of.path(schemas.QUERIES), [split]) if _relevant(qrels, one.id)]
    wrong: list[dict[str, Any]] = []
    for one in queries:
        documents, gold = list(ranking.get(one.id, {})), _relevant(qrels, one.id)
        rank = next((number for number, document in enumerate(documents, 1) if document in gold), None)
        if rank != 1:
            first = documents[0] if documents else None
            wrong.append({"query": one.id, "text": one.text, "found": first, "relevant": gold, "rank": rank})
    wrong.sort(key=lambda row: row["rank"] or run.manifest.spec.get("depth", 0) + 1)
    if as_json:
        shown = {"retriever": found.name, "split": split, "queries": len(queries), "errors": wrong[:limit]}
        show_json(shown)
        return
    title = f"{found.name}: {len(wrong)} of {len(queries)} {split} queries have another document first"
    rows = [
        (one["query"], one["text"], one["found"] or "", short(one["relevant"]), str(one["rank"] or "-"))
        for one in wrong[:limit]
    ]
    show_table(["query", "text", "first", "relevant", "rank#"], rows, title=title)


def _relevant(qrels: Mapping[str, Mapping[str, int]], query: str) -> list[str]:
    return [document for document, grade in qrels.get(query, {}).items() if grade > 0]


def _show_ranking(found: Found, run: Artifact, of: Artifact, query: str, limit: int, as_json: bool) -> None:
    from lineage.retrieval import schemas
    from lineage.retrieval.runs import read_run
    from lineage.retrieval.tables import read_documents, read_qrels, read_queries

    known = {one.id: one.text for one in read_queries(of.path(schemas.QUERIES), schemas.SPLITS)}
    ranking = read_run(run.path(schemas.RUN)).get(query, {}) if query in known else _live(run, of, query, limit)
    gold = _relevant(read_qrels(of.path(schemas.QRELS)), query) if query in known else None
    ranked = list(ranking.items())[:limit]
    told = {one.id: one for one in read_documents(of.path(schemas.DOCUMENTS)) if one.id in dict(ranked)}
    rows = [
        {
            "rank": rank,
            "document": name,
            "score": score,
            "relevant": None if gold is None else name in gold,
            "title": told[name].title,
            "text": told[name].text,
        }
        for rank, (name, score) in enumerate(ranked, 1)
    ]
    if as_json:
        show_json({"retriever": found.name, "query": known.get(query, query), "found": rows})
        return
    keys = ["rank", "document", "score", *(["relevant"] if gold is not None else []), "title", "text"]
    headings = [f"{key}#" if key in ("rank", "score") else key for key in keys]
    title = f"{found.name}: {known.get(query, query)}"
    show_table(headings, [[short(row[key]) for key in keys] for row in rows], title=title)


def _live(run: Artifact, of: Artifact, text: str, limit: int) -> dict[str, float]:
    """Document to score for a text of the user's.

    Raises:
        UserError: a retriever that answers its set's queries only.
    """
    searcher = LIVE.get(run.manifest.stage)
    if searcher is None:
        raise UserError(
            f"'{text}' is no query of the set, and {run.manifest.stage} answers no others here.\n"
            f"  Retrievers that take any text: {listed(LIVE)}. Ids of queries: `lineage search NAME --errors`."
        )
    return searcher(run, of, text, limit)


def _live_bm25(run: Artifact, of: Artifact, text: str, limit: int) -> dict[str, float]:
    from lineage.retrieval import schemas
    from lineage.retrieval.bm25 import Bm25Index
    from lineage.retrieval.tables import read_documents

    index = Bm25Index.open(run.folder / "index")
    names: Sequence[str] = [one.id for one in read_documents(of.path(schemas.DOCUMENTS))]
    if len(names) != index.num_documents:
        raise UserError(
            f"{run.folder}: its index has {index.num_documents} rows, but its set has {len(names)} documents.\n"
            "  Build it again: run the same snakemake command."
        )
    rows, scores = index.search(text, depth=limit)
    return {names[row]: float(score) for row, score in zip(rows, scores, strict=True)}


LIVE: dict[str, Callable[[Artifact, Artifact, str, int], dict[str, float]]] = {"bm25": _live_bm25}
"""Stage of a retriever to what asks it."""
