"""The winner as boxes: one box per block, one frame per stage, wrapped to the width.

Only what every architecture document has is taken for granted; a block kind that did not exist when this was
written is drawn by its name and its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.report.labels import shortened
from nas.report.palette import colours
from nas.report.svg import Markup, drawing, element, joined, text, title

_BOX_WIDTH, _BOX_HEIGHT, _GAP = 146.0, 62.0, 6.0
_PAD, _HEADING, _BETWEEN = 7.0, 22.0, 18.0


@dataclass(frozen=True, slots=True)
class BlockBox:
    """One block: what it is, its numbers in short, the shape it gives, all of it for the tooltip."""

    kind: str
    numbers: str
    shape: str
    words: str


@dataclass(frozen=True, slots=True)
class StageFrame:
    """Blocks that follow each other at one resolution."""

    name: str
    resolution: str
    blocks: tuple[BlockBox, ...]


def architecture_data(architecture: Mapping[str, Any]) -> tuple[StageFrame, ...]:
    """Read the stages of an architecture, with the resolution after each of them."""
    size = int(architecture["resolution"])
    stem = architecture.get("stem") or {}
    size = _divided(size, stem.get("stride", 1))
    frames = [StageFrame("stem", _square(size), (_box({"kind": "conv", **stem}, size),))]
    for number, stage in enumerate(architecture["stages"], start=1):
        boxes = []
        for block in stage:
            size = _divided(size, block.get("stride", 1))
            boxes.append(_box(block, size))
        if boxes:
            frames.append(StageFrame(f"stage {number}", _square(size), tuple(boxes)))
    frames.append(StageFrame("head", "", (_head_box(architecture),)))
    return tuple(frames)


def draw_architecture(frames: Sequence[StageFrame], width: float) -> Markup:
    """Draw the frames one after the other, `width` pixels wide."""
    colour = colours(box.kind for frame in frames for box in frame.blocks)
    x = y = 0.0
    parts: list[Markup] = []
    for frame in _fitting(frames, width):
        wide = _frame_width(frame)
        if x and x + wide > width:
            x, y = 0.0, y + _frame_height() + 14
        if x:
            parts.append(_draw_arrow(x - _BETWEEN, y + _frame_height() / 2 + _HEADING / 2 - _PAD / 2))
        parts.append(_draw_frame(frame, x, y, colour))
        x += wide + _BETWEEN
    return drawing(width, y + _frame_height() + 2, *parts, label="The winner's blocks, stage by stage")


def _divided(size: int, stride: object) -> int:
    step = stride if isinstance(stride, int) and stride > 0 else 1
    return -(-size // step)


def _square(size: int) -> str:
    return f"{size} × {size}"


def _box(block: Mapping[str, Any], size: int) -> BlockBox:
    channels = block.get("out_chs")
    shape = f"{channels} ch" if channels is not None else ""
    shape += f" · {size}²"
    return BlockBox(str(block.get("kind", "block")), _numbers(block), shape, _words(block))


def _head_box(architecture: Mapping[str, Any]) -> BlockBox:
    head = architecture.get("head") or {}
    features = head.get("features")
    numbers = f"{features} features" if features else "mean"
    words = _words({**head, "num_classes": architecture.get("num_classes")})
    return BlockBox(str(head.get("kind") or "classifier"), numbers, f"{architecture.get('num_classes')} classes", words)


def _numbers(block: Mapping[str, Any]) -> str:
    parts = []
    kernel, stride = block.get("kernel_size"), block.get("stride", 1)
    start = block.get("start_kernel_size")
    if kernel:
        parts.append(f"{start}·{kernel}" if start else f"{kernel}×{kernel}")
    if stride and stride != 1:
        parts.append(f"/{stride}")
    if block.get("exp_ratio"):
        parts.append(f"e{block['exp_ratio']:g}")
    if block.get("rank", 1) != 1:
        parts.append(f"rank {block['rank']:g}")
    if block.get("num_heads"):
        parts.append(f"{block['num_heads']} heads")
    if block.get("se") not in (None, "none") or block.get("se_ratio"):
        parts.append("SE")
    return " ".join(parts)


def _words(block: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in block.items() if value is not None)


def _fitting(frames: Sequence[StageFrame], width: float) -> list[StageFrame]:
    """Cut frames that are wider than a whole line."""
    most = max(1, int((width - 2 * _PAD + _GAP) // (_BOX_WIDTH + _GAP)))
    pieces = []
    for frame in frames:
        for start in range(0, len(frame.blocks), most):
            blocks = frame.blocks[start : start + most]
            first = StageFrame(frame.name, frame.resolution, blocks)
            pieces.append(first if start == 0 else StageFrame(f"{frame.name}, continued", "", blocks))
    return pieces


def _frame_width(frame: StageFrame) -> float:
    return len(frame.blocks) * (_BOX_WIDTH + _GAP) - _GAP + 2 * _PAD


def _frame_height() -> float:
    return _HEADING + _BOX_HEIGHT + _PAD


def _draw_frame(frame: StageFrame, x: float, y: float, colour: Mapping[str, str]) -> Markup:
    wide = _frame_width(frame)
    boxes = (
        _draw_box(box, x + _PAD + i * (_BOX_WIDTH + _GAP), y + _HEADING, colour[box.kind])
        for i, box in enumerate(frame.blocks)
    )
    return joined(
        element("rect", x=x, y=y, width=wide, height=_frame_height(), rx=8, class_="stage"),
        text(x + _PAD + 1, y + 15, frame.name, class_="stage-name"),
        text(x + wide - _PAD - 1, y + 15, frame.resolution, class_="stage-size end"),
        *boxes,
    )


def _draw_box(box: BlockBox, x: float, y: float, colour: str) -> Markup:
    inside = joined(
        *title(box.words),
        element("rect", x=x, y=y, width=_BOX_WIDTH, height=_BOX_HEIGHT, rx=4, class_=f"block {colour}"),
        element("rect", x=x, y=y, width=4, height=_BOX_HEIGHT, rx=2, class_=f"bar {colour}"),
        text(x + 11, y + 18, shortened(box.kind.replace("_", " "), _BOX_WIDTH - 14, 11.5), class_="block-kind"),
        text(x + 11, y + 36, box.numbers, class_="block-numbers"),
        text(x + 11, y + 53, box.shape, class_="block-shape"),
    )
    return element("g", inside)


def _draw_arrow(x: float, y: float) -> Markup:
    return element("path", d=f"M{x + 3:.1f} {y:.1f}h{_BETWEEN - 7:.1f}m-4 -4l4 4l-4 4", class_="arrow")
