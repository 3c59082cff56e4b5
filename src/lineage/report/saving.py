"""A chart as Vega-Lite specification, as SVG file, as PNG picture, and as part of a page that needs no network."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import altair as alt
import vl_convert

from lineage.report.theme import Chart

Spec: TypeAlias = dict[str, Any]

HOVER = "hover"
"""Views whose name starts so show a tooltip under the pointer; a still picture goes without them."""

SPEC = ".vl.json"
"""Ending of the file of a chart's specification."""

_VEGA_LITE = "6.4"
_COMPOSITIONS = ("layer", "concat", "hconcat", "vconcat")
_NO_NETWORK: list[str] = []
_ID = re.compile(r"\b(clip|gradient_)(\d+)\b")
_GEOMETRY = re.compile(r'(\b(?:d|transform|x|y|x1|y1|x2|y2|width|height|r)=")([^"]*)"')
_LONG_FRACTION = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")

_START_FIGURES = """
for (const figure of document.querySelectorAll("figure[data-chart]")) {
  const spec = JSON.parse(figure.querySelector("script").textContent);
  const options = {renderer: "svg", downloadFileName: figure.id,
                   actions: {export: true, source: false, compiled: false, editor: false}};
  vegaEmbed(figure.querySelector("div"), spec, options).catch((error) => console.error(figure.id, error));
}
"""

_STYLE = """
body { font-family: Arial, Helvetica, sans-serif; color: #1f2328; background: white; margin: 1rem; }
figure { margin: 0 0 2rem; overflow-x: auto; }
.vega-embed { width: 100%; }
"""

POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
"""The browser itself refuses whatever is not in the file. Vega reads expressions and CSV through eval."""


def specification(chart: Chart) -> Spec:
    """The Vega-Lite specification, data and look included; a function of the chart, whatever theme Altair has on."""
    with alt.theme.enable("none"):
        spec = chart.to_dict()
    if "params" in spec:
        names = _view_names(spec)
        spec["params"] = [_in_one_view(parameter, names) for parameter in spec["params"]]
    return spec


def svg(chart: Chart) -> str:
    """The chart as one SVG file: no script, no link, described for screen readers; same chart, same bytes.

    Vega numbers its clip paths by a counter of the process. They are numbered anew here, or a second call would differ.
    """
    spec = _still(specification(chart))
    text = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, allowed_base_urls=_NO_NETWORK)
    new_numbers: dict[str, str] = {}
    text = _ID.sub(lambda match: new_numbers.setdefault(match[0], f"{match[1]}{len(new_numbers)}"), text)
    text = _GEOMETRY.sub(lambda match: match[1] + _LONG_FRACTION.sub(_rounded, match[2]) + '"', text)
    spoken = html.escape(spec["description"])
    text = text.replace("<svg ", f'<svg role="img" aria-label="{spoken}" ', 1)
    return text.replace(">", f">\n<desc>{spoken}</desc>", 1) + "\n"


def png(chart: Chart, *, scale: float = 2.0) -> bytes:
    """The picture of `svg(chart)`, to look at."""
    return vl_convert.svg_to_png(svg(chart), scale=scale)


@cache
def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script of 0.9 MB; a page needs it once, however many charts it has."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", _VEGA_LITE).replace("</script", "<\\/script")


def spec_json(chart: Chart) -> str:
    """The specification as one line of JSON."""
    return _json(specification(chart))


def files(charts: Mapping[str, Chart], *, title: str) -> dict[str, str]:
    """Contents of files by name: of each chart the picture and the specification, and `index.html` with all charts."""
    found = {f"{name}.svg": svg(chart) for name, chart in charts.items()}
    found |= {f"{name}{SPEC}": spec_json(chart) + "\n" for name, chart in charts.items()}
    return found | {"index.html": page(charts, title=title)}


def figure(name: str, chart: Chart) -> str:
    """The chart's part of a page: a figure element with the specification in it, drawn by `scripts()`."""
    spec = specification(chart)
    data, label = _json(spec).replace("<", "\\u003c"), html.escape(spec["description"])
    return (
        f'<figure id="{html.escape(name)}" data-chart aria-label="{label}"><div></div>\n'
        f'<script type="application/json">{data}</script></figure>'
    )


def scripts() -> str:
    """What stands once at the end of a page with figures: the bundle, and the start of every chart."""
    return f"<script>{bundle()}</script>\n<script>{_START_FIGURES}</script>"


def page(figures: Mapping[str, Chart], *, title: str) -> str:
    """An HTML page of interactive charts that opens from disk and fetches nothing.

    Names become the elements' ids and the names of files that a reader saves from the charts' menus.
    """
    parts = "\n".join(figure(name, chart) for name, chart in figures.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
{parts}
</main>
<noscript>These charts need JavaScript; the SVG files beside this page do not.</noscript>
{scripts()}
</body>
</html>
"""


def _json(spec: Spec) -> str:
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _in_one_view(parameter: Spec, names: list[str]) -> Spec:
    """Altair hands a parameter of one layer to others beside it, but Vega takes it from one only.

    That one is named like the parameter, without its `_at`; Altair may have added the number of the panel.
    """
    own = parameter["name"].removesuffix("_at")
    views = [name for name in names if name == own or name.startswith(f"{own}_")]
    assert len(views) == 1, (parameter, names)
    return parameter | {"views": views}


def _view_names(spec: Spec) -> list[str]:
    inner = [name for key in _COMPOSITIONS for view in spec.get(key, []) for name in _view_names(view)]
    return [*([spec["name"]] if "name" in spec else []), *inner]


def _still(spec: Spec) -> Spec:
    """Without the views that exist for the pointer only, and without the labels of single marks."""
    still = dict(spec)
    if "config" in spec:
        still["config"] = spec["config"] | {"aria": False}
    for key in _COMPOSITIONS:
        if key in spec:
            still[key] = [_still(view) for view in spec[key] if not view.get("name", "").startswith(HOVER)]
    return still


def _rounded(match: re.Match[str]) -> str:
    return f"{round(float(match[0]), 2):g}" if abs(float(match[0])) < 1e4 else f"{float(match[0]):.2f}"
