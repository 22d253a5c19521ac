"""The report as one HTML file that needs nothing else: no network, no scripts; light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nas.report import words
from nas.report.architecture_chart import architecture_data, draw_architecture
from nas.report.facts import RunFacts
from nas.report.history_chart import draw_history, history_data
from nas.report.kernel_chart import draw_kernels, kernel_data
from nas.report.numbers import percent
from nas.report.pareto_chart import ParetoData, draw_pareto, pareto_data
from nas.report.svg import Markup, element, escaped, joined
from nas.report.tables import networks_table, shortlist, to_html

_FULL = (("wide", 1080.0), ("medium", 700.0), ("narrow", 340.0))
_TRAINED = (
    ("winner", "winner"),
    ("finalist", "finalist"),
    ("baseline", "baseline (hollow: over budget)"),
    ("front", "front of these, each after its final training"),
)
_HALF = (("wide", 528.0), ("medium", 700.0), ("narrow", 340.0))


def render_page(run: RunFacts) -> str:
    """Write the whole report as HTML."""
    title = f"nas · {words.heading(run)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", escaped(title)),
        element("style", Markup(Path(__file__).with_name("page.css").read_text(encoding="utf-8"))),
    )
    body = element(
        "main",
        _headline(run),
        _trade_off(run),
        _architecture(run),
        _kernels(run),
        _networks(run),
        _history(run),
        _evidence(run),
        _course(run),
        _next(run),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"


def _headline(run: RunFacts) -> Markup:
    cards = (
        element(
            "div",
            element("dt", escaped(tile.name)),
            element("dd", escaped(tile.value), class_="figure"),
            element("dd", escaped(tile.note), class_="note"),
        )
        for tile in words.tiles(run)
    )
    return element(
        "header",
        element("p", escaped("Architecture search"), class_="over-title"),
        element("h1", escaped(words.heading(run))),
        element("p", escaped(words.verdict(run)), class_="verdict"),
        element("p", element("strong", escaped("Budget: ")), escaped(words.limits(run)), class_="limits"),
        element("dl", *cards, class_="tiles"),
    )


def _trade_off(run: RunFacts) -> Markup:
    by_macs, by_latency = pareto_data(run, "macs"), pareto_data(run, "latency_ms")
    if not by_macs.points and not by_macs.markers and not by_macs.unscored:
        return Markup("")
    charts = element(
        "div",
        _figure(lambda width, tips: draw_pareto(by_latency, width, tooltips=tips), _HALF),
        _figure(lambda width, tips: draw_pareto(by_macs, width, tooltips=tips), _HALF),
        class_="pair",
    )
    return _section("Accuracy against cost", _legend(by_macs, run.scores), charts)


def _legend(data: ParetoData, scores: str) -> Markup:
    """Name the marks: first of what was trained to its end, then of what has only the evaluator's accuracy."""
    kinds = {m.kind for m in data.markers} | ({"front"} if data.front else set())
    entries = [(kind, name) for kind, name in _TRAINED if kind in kinds]
    kinds |= {"candidate"} if data.points else set()
    entries += [(kind, f"{kind}: {scores}") for kind in ("seed", "candidate") if kind in kinds]
    keys = (element("span", element("i", class_=f"key {kind}"), escaped(name)) for kind, name in entries)
    return element("p", *keys, class_="legend")


def _architecture(run: RunFacts) -> Markup:
    document = run.winner_document.get("architecture")
    if not document:
        return Markup("")
    frames = architecture_data(document)
    resolution = document["resolution"]
    key = (
        f"Input {resolution} × {resolution}. Each box is a block: kernel size, / stride, e expansion; "
        "then output channels and resolution."
    )
    return _section(
        "The winner",
        element("p", escaped(key), class_="note"),
        _figure(lambda width, _: draw_architecture(frames, width), _FULL),
    )


def _kernels(run: RunFacts) -> Markup:
    data = kernel_data(run.winner_document.get("kernels") or ())
    if not data.bars:
        return Markup("")
    share = percent(data.shown_share, 0)
    note = f"{data.shown} of {data.total} kernels make up {share} of the estimated latency."
    return _section(
        "Where the time goes",
        element("p", escaped(note), class_="note"),
        _figure(lambda width, _: draw_kernels(data, width), _FULL),
    )


def _networks(run: RunFacts) -> Markup:
    if not run.networks:
        return Markup("")
    networks = shortlist(run.networks)
    note = element("p", escaped(words.networks_note(run, len(networks))), class_="note")
    return _section(words.NETWORKS, to_html(networks_table(networks)), note)


def _history(run: RunFacts) -> Markup:
    data = history_data(run)
    if not data.tried:
        return Markup("")
    note = element("p", escaped(words.history_note(run)), class_="note")
    return _section("How the search went", note, _figure(lambda width, _: draw_history(data, width), _FULL))


def _evidence(run: RunFacts) -> Markup:
    sentence, pairs, sources = words.evidence(run)
    listed = element("ul", *(element("li", escaped(source)) for source in sources)) if sources else Markup("")
    origin = joined(element("h3", escaped("Sources")), listed) if sources else Markup("")
    return _section("What the latencies rest on", element("p", escaped(sentence)), _pairs(pairs), origin)


def _course(run: RunFacts) -> Markup:
    checks = [element("li", escaped(line)) for line in words.verifications(run)]
    exported = joined(element("h3", escaped("Exported files")), element("ul", *checks)) if checks else Markup("")
    return _section("The run", _pairs(words.course(run)), exported)


def _next(run: RunFacts) -> Markup:
    lines = (
        element("div", element("dt", element("code", escaped(command))), element("dd", escaped(purpose)))
        for command, purpose in words.commands(run)
    )
    return _section("How to go on", element("dl", *lines, class_="commands"))


def _section(heading: str, *content: Markup) -> Markup:
    return element("section", element("h2", escaped(heading)), *content)


def _pairs(pairs: words.Pairs) -> Markup:
    rows = (element("div", element("dt", escaped(k)), element("dd", escaped(v))) for k, v in pairs)
    return element("dl", *rows, class_="pairs") if pairs else Markup("")


def _figure(draw: Callable[[float, bool], Markup], widths: tuple[tuple[str, float], ...]) -> Markup:
    """Draw once per screen width: text keeps its size where scaling one drawing would make it tiny."""
    drawn = (element("div", draw(width, name != "narrow"), class_=f"only-{name}") for name, width in widths)
    return element("figure", *drawn)
