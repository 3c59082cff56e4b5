"""One page for the whole experiment, with the matrix, the claims of all studies, and a card for each model."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.report import Report
from lineage.evaluation.examples import EXAMPLES
from lineage.evaluation.items import ITEMS
from lineage.report import browser, cards, matrix
from lineage.report.lineage_graph import Lineage, Node, make_lineage
from lineage.report.matrix_chart import heat_map
from lineage.report.page import Contents, Figure, Study, read_figure, render
from lineage.report.page.ledger import joined, summary
from lineage.report.saving import SPEC, svg

MODELS = "models"
MATRIX = "figures/lineage/matrix.svg"
_FIGURES = "figures/"
_OWN_WORLD = "world"
_ASKED_OTHERWISE = "asked in another way"


def report(
    config: Report,
    *,
    models: list[Artifact],
    searches: list[Artifact],
    data: list[Artifact],
    language: list[Artifact],
    answers: list[Artifact],
    prompts: list[Artifact],
    judged: list[Artifact],
    retrieval_scores: list[Artifact],
    analyses: list[Artifact],
    out: ArtifactWriter,
) -> None:
    """Writes `index.html`, `matrix.parquet` and `.csv`, `claims.csv` and `summary.json` of all studies, `models/*.md`,
    and under `figures/` the pictures of all analyses.

    Everything is a function of the tables of the inputs: seconds and memory are in none of it. Parents are found by the
    digests in the manifests.
    """
    out.kind = "report"
    made = [*models, *searches]
    lineage = _lineage(made, [*language, *answers])
    studies, figures = _studies(analyses), _figures(analyses, out)
    table = matrix.matrix(_cells(language, answers, prompts, judged, retrieval_scores, analyses), lineage)
    rows = table.to_pylist()
    browsed = _browsed(config, language, answers, prompts)
    described = {_name(one): one for one in made}
    carded = {name: node for name, node in lineage.items() if name in described}
    sets = {one.digest: cards.Data(_two(one), one.kind, one.manifest.counts) for one in data}
    shown = [
        cards.make_card(
            carded,
            name,
            counts=described[name].manifest.counts,
            spec=described[name].manifest.spec,
            data=[sets[digest] for digest in _input_digests(described[name]) if digest in sets],
            matrix=rows,
            samples=browser.samples(browsed, name, config.samples_per_model),
            losses=_losses(described[name]),
            generated=config.generated,
        )
        for name in carded
    ]
    _write_tables(out, table, studies)
    out.path(MATRIX).write_text(svg(heat_map(table, lineage)), encoding="utf-8")
    for card in shown:
        out.path(f"{MODELS}/{card.node.name}.md").write_text(cards.markdown(card), encoding="utf-8")
    page = render(Contents(config.title, lineage, shown, rows, studies, figures, browsed))
    out.path("index.html").write_text(page, encoding="utf-8")
    out.counts |= {"models": len(shown), "probes": len(rows), "answers shown": browsed.num_shown}
    out.counts |= {"figures": len(figures) + 1, "page bytes": len(page.encode()), **summary(studies)}


def _name(artifact: Artifact) -> str:
    """`chat@400` for a model; anything else keeps its section: `retrieval/bm25`."""
    return artifact.folder.name if artifact.folder.parent.name == MODELS else _two(artifact)


def _two(artifact: Artifact) -> str:
    return f"{artifact.folder.parent.name}/{artifact.folder.name}"


def _lineage(made: Sequence[Artifact], scores: Sequence[Artifact]) -> Lineage:
    """Models and searches; then what is a model asked in another way, as a child of that model."""
    by_digest = {one.digest: _name(one) for one in made}
    nodes = [Node(_name(one), one.manifest.stage, tuple(_parents(one, by_digest)), _note(one)) for one in made]
    known = set(by_digest.values())
    for one in scores:
        if one.folder.parent.name not in known:
            parents = tuple(dict.fromkeys(_parents(one, by_digest)))
            nodes.append(Node(one.folder.parent.name, _ASKED_OTHERWISE, parents))
            known.add(one.folder.parent.name)
    return make_lineage(nodes)


_FIRST_ROLES = ("start", "model", "retriever", "encoder", "parents")
"""Roles of the input that a model is compared with, before all others."""


def _parents(artifact: Artifact, by_digest: Mapping[str, str]) -> Iterator[str]:
    roles = artifact.manifest.inputs
    for role in sorted(
        roles, key=lambda role: (_FIRST_ROLES.index(role) if role in _FIRST_ROLES else len(roles) + 9, role)
    ):
        yield from (by_digest[digest] for digest in _digests(roles[role]) if digest in by_digest)


def _digests(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _note(artifact: Artifact) -> str:
    counts, spec, stage = artifact.manifest.counts, artifact.manifest.spec, artifact.manifest.stage.replace("_", " ")
    if stage == "merge":
        return str(spec["method"]).replace("_", " ")
    steps = counts.get("step", counts.get("steps"))
    return f"{stage}, {steps:,} steps" if isinstance(steps, int) else stage


def _metrics(artifact: Artifact) -> dict[str, Any]:
    return json.loads(artifact.path("metrics.json").read_text(encoding="utf-8"))


def _cells(
    language: Sequence[Artifact],
    answers: Sequence[Artifact],
    prompts: Sequence[Artifact],
    judged: Sequence[Artifact],
    retrieval_scores: Sequence[Artifact],
    analyses: Sequence[Artifact],
) -> Iterator[matrix.Cell]:
    for one in language:
        yield from matrix.of_language(one.folder.parent.name, _metrics(one))
    concluded = [one for one in analyses if one.manifest.stage == "safety"]
    for one in concluded:
        yield from matrix.of_safety_study(pq.read_table(one.path("metrics.parquet")).to_pylist())
    own = [one.folder.name for one in prompts if one.manifest.spec.get("source") == _OWN_WORLD]
    for one in answers:
        yield from matrix.of_answers(one.folder.parent.name, _metrics(one), studied=own if concluded else [])
    for one in judged:
        yield from matrix.of_judged(one.folder.parent.parent.name, one.folder.name, _metrics(one))
    for one in retrieval_scores:
        yield from matrix.of_retrieval(one.folder.name, _metrics(one))


def _studies(analyses: Sequence[Artifact]) -> list[Study]:
    found = []
    for one in analyses:
        if one.kind == "study":
            told = json.loads(one.path("summary.json").read_text(encoding="utf-8"))
            with one.path("claims.csv").open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            found.append(Study(one.folder.name, rows, told["null_cases"], told["false_supports"]))
    return found


def _figures(analyses: Sequence[Artifact], out: ArtifactWriter) -> list[Figure]:
    """The figures of all analyses; their pictures are copied beside the page."""
    found = []
    for one in analyses:
        for file in sorted(one.manifest.files):
            if file.startswith(_FIGURES) and file.endswith(SPEC):
                name = file.removeprefix(_FIGURES).removesuffix(SPEC)
                figure = read_figure(one.folder.name, name, one.path(file).read_text(encoding="utf-8"))
                shutil.copyfile(one.path(f"{_FIGURES}{name}.svg"), out.path(figure.file))
                found.append(figure)
    return found


def _browsed(
    config: Report, language: Sequence[Artifact], answers: Sequence[Artifact], prompts: Sequence[Artifact]
) -> browser.Browsed:
    tables: list[tuple[str, pa.Table]] = []
    for one in answers:
        told = pq.read_table(one.path(EXAMPLES), columns=list(browser.SAFETY_COLUMNS))
        tables.append((one.folder.parent.name, browser.of_safety(told)))
    for one in language:
        told = pq.read_table(one.path(EXAMPLES), columns=list(browser.LANGUAGE_COLUMNS))
        tables.append((one.folder.parent.name, browser.of_language(told)))
    browsed = browser.browse(tables, per_task=config.examples_per_task)
    pictures: dict[browser.Key, list[bytes]] = {}
    for one in prompts:
        ids = [prompt.id for prompt in browsed.prompts if prompt.prompts == one.folder.name]
        table = pq.read_table(one.path(ITEMS), columns=["id", "images"])
        for row in table.filter(pc.field("id").isin(pa.array(ids, pa.string()))).to_pylist():
            pictures[one.folder.name, row["id"]] = row["images"]
    return browser.with_pictures(browsed, pictures)


def _input_digests(artifact: Artifact) -> list[str]:
    inputs = artifact.manifest.inputs
    return [digest for role in sorted(inputs) for digest in _digests(inputs[role])]


def _losses(artifact: Artifact) -> list[tuple[int, float]]:
    """(step, training loss) of this segment; empty for what was not trained."""
    if "training.jsonl" not in artifact.manifest.files:
        return []
    lines = artifact.path("training.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    return [(one["step"], one["loss"]) for one in told if "loss" in one]


def _write_tables(out: ArtifactWriter, table: pa.Table, studies: Sequence[Study]) -> None:
    pq.write_table(table, out.path("matrix.parquet"), compression="zstd")
    out.path("matrix.csv").write_text(_csv(table.to_pylist(), table.column_names), encoding="utf-8")
    rows = joined(studies)
    out.path("claims.csv").write_text(_csv(rows, list(rows[0]) if rows else ["study"]), encoding="utf-8")
    out.path("summary.json").write_text(json.dumps(summary(studies), indent=1, sort_keys=True) + "\n")


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{one:.6g}" if isinstance(one, float) else one for key, one in row.items()})
    return text.getvalue()
