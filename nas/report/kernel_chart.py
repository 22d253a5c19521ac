"""Where the winner's latency goes: its slowest kernels, and the share of each kind of kernel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nas.report.labels import shortened, text_width
from nas.report.numbers import milliseconds, percent
from nas.report.palette import COLOURS, colours
from nas.report.svg import Markup, drawing, element, escaped, joined, text, title

SLOWEST = 12
_ROOM_FOR_ONE_LINE = 620.0


@dataclass(frozen=True, slots=True)
class Bar:
    """The kernels of one label; `share` is of the whole latency."""

    label: str
    kind: str
    count: int
    latency_ms: float
    share: float


@dataclass(frozen=True, slots=True)
class KernelData:
    """What the chart shows.

    Attributes:
        bars: the slowest kernels, the slowest first; equal ones are one bar.
        kinds: each kind with its latency and share, the slowest first.
        total: how many kernels the network has.
    """

    bars: tuple[Bar, ...]
    kinds: tuple[tuple[str, float, float], ...]
    total: int

    @property
    def shown_share(self) -> float:
        """The share of the latency that `bars` make up."""
        return sum(bar.share for bar in self.bars)

    @property
    def shown(self) -> int:
        """How many kernels `bars` stand for."""
        return sum(bar.count for bar in self.bars)


def kernel_data(kernels: Iterable[Mapping[str, Any]]) -> KernelData:
    """Sum a network's kernels by label and by kind."""
    entries = list(kernels)
    whole = sum(k["latency_ms"] for k in entries) or 1.0
    labels: dict[tuple[str, str], list[float]] = {}
    kinds: dict[str, float] = {}
    for kernel in entries:
        labels.setdefault((kernel["label"], kernel["kind"]), []).append(kernel["latency_ms"])
        kinds[kernel["kind"]] = kinds.get(kernel["kind"], 0.0) + kernel["latency_ms"]
    bars = [Bar(label, kind, len(t), sum(t), sum(t) / whole) for (label, kind), t in labels.items()]
    by_time = sorted(kinds.items(), key=lambda item: -item[1])
    return KernelData(
        bars=tuple(sorted(bars, key=lambda bar: -bar.latency_ms)[:SLOWEST]),
        kinds=tuple((kind, ms, ms / whole) for kind, ms in _few(by_time)),
        total=len(entries),
    )


def draw_kernels(data: KernelData, width: float) -> Markup:
    """Draw both charts, `width` pixels wide."""
    colour = colours(kind for kind, _, _ in data.kinds)
    shares, used = _draw_shares(data, colour, width)
    row = 27.0 if width >= _ROOM_FOR_ONE_LINE else 40.0
    top = used + 34
    bars = [_draw_bar(bar, data, colour, top + 8 + i * row, width) for i, bar in enumerate(data.bars)]
    heading = text(0, top - 6, "slowest kernels", class_="axis-title")
    return drawing(
        width,
        top + 8 + row * len(data.bars),
        shares,
        heading,
        *bars,
        label="Latency by kind of kernel and the slowest kernels",
    )


def _few(kinds: list[tuple[str, float]]) -> list[tuple[str, float]]:
    if len(kinds) <= COLOURS:
        return kinds
    rest = sum(latency_ms for _, latency_ms in kinds[COLOURS - 1 :])
    return [*kinds[: COLOURS - 1], ("other", rest)]


def _draw_shares(data: KernelData, colour: Mapping[str, str], width: float) -> tuple[Markup, float]:
    parts = [text(0, 12, "share of the latency by kind of kernel", class_="axis-title")]
    x = legend_x = 0.0
    legend_y = 66.0
    for kind, latency_ms, share in data.kinds:
        words = f"{kind} {percent(share, 0)}"
        hint = title(f"{kind}: {milliseconds(latency_ms)}, {percent(share)}")
        wide = share * width
        parts.append(
            element("rect", *hint, x=x, y=22, width=max(0.0, wide - 1), height=22, class_=f"bar {colour[kind]}")
        )
        x += wide
        room = text_width(words) + 30
        if legend_x and legend_x + room > width:
            legend_x, legend_y = 0.0, legend_y + 20
        parts.append(element("rect", x=legend_x, y=legend_y - 10, width=11, height=11, class_=f"bar {colour[kind]}"))
        parts.append(text(legend_x + 16, legend_y, words, class_="legend-name"))
        legend_x += room
    return joined(*parts), legend_y


def _draw_bar(bar: Bar, data: KernelData, colour: Mapping[str, str], y: float, width: float) -> Markup:
    one_line = width >= _ROOM_FOR_ONE_LINE
    names = 0.46 * width if one_line else 0.0
    value = f"{milliseconds(bar.latency_ms)} · {percent(bar.share)}"
    space = width - names - 138
    long = space * bar.latency_ms / (data.bars[0].latency_ms or 1.0)
    bar_y = y + 3 if one_line else y + 19
    kind = colour.get(bar.kind, colour.get("other", "c7"))
    words = bar.label if bar.count == 1 else f"{bar.count} × {bar.label}"
    return joined(
        _draw_label(words, y + 15 if one_line else y + 13, names - 12 if one_line else width),
        element(
            "rect",
            *title(f"{words}: {value}"),
            x=names,
            y=bar_y,
            width=max(1.0, long),
            height=15,
            rx=2,
            class_=f"bar {kind}",
        ),
        text(names + max(1.0, long) + 7, bar_y + 12, value, class_="value"),
    )


def _draw_label(words: str, y: float, room: float) -> Markup:
    main, plus, rest = shortened(words, room).partition(" + ")
    fused = element("tspan", escaped(plus + rest), class_="fused")
    return element("text", escaped(main), fused, x=0, y=y, class_="kernel-name")
