"""What is measured to profile a device: single kernels, blocks, and whole networks.

Kernels and blocks are tiny models of their own, because an engine's profile of each operator distorts small ones.
Every sample can be written as plain data and read back, so that an interrupted profile continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from nas import schema
from nas.blocks import block_types
from nas.cost.cost import Classifier, Part, architecture_parts, part_module, trace_part
from nas.cost.trace import trace_module
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

if TYPE_CHECKING:
    import random

    from torch import nn

    from nas.cost.ops import Op, Trace
    from nas.space.space import SearchSpace

InputShape = tuple[int, int, int]


class Sample(Protocol):
    """Something to measure; equal samples have equal `spec`."""

    @property
    def name(self) -> str:
        """For a person."""

    @property
    def family(self) -> str:
        """Samples of one family differ in sizes alone."""

    @property
    def whole(self) -> bool:
        """Whether it is a whole network: these judge and correct what the others give."""

    @property
    def input_shape(self) -> InputShape:
        """Channels, height, width."""

    @property
    def spec(self) -> dict[str, Any]:
        """Plain data that `read_sample` takes."""

    def module(self) -> nn.Module:
        """Build it, with random weights."""

    def trace(self) -> Trace:
        """Return its operations."""


@dataclass(frozen=True)
class ConvSample:
    """One convolution with batch norm and ReLU: a single kernel on most engines."""

    in_chs: int
    out_chs: int
    kernel_size: int
    stride: int
    groups: int
    size: int
    whole: bool = False

    @property
    def name(self) -> str:
        """For a person."""
        groups = f" g{self.groups}" if self.groups > 1 else ""
        sizes = f"{self.in_chs} -> {self.out_chs} @ {self.size}"
        return f"conv {self.kernel_size}x{self.kernel_size} s{self.stride}{groups} {sizes}"

    @property
    def family(self) -> str:
        """Depthwise, pointwise and full convolutions run at different rates."""
        if self.groups > 1:
            return "conv_dw" if self.groups == self.in_chs else "conv_group"
        return "conv_pw" if self.kernel_size == 1 else "conv"

    @property
    def input_shape(self) -> InputShape:
        """Channels, height, width."""
        return self.in_chs, self.size, self.size

    @property
    def spec(self) -> dict[str, Any]:
        """Plain data."""
        names = ("in_chs", "out_chs", "kernel_size", "stride", "groups", "size")
        return {"conv": {name: getattr(self, name) for name in names}}

    def module(self) -> nn.Module:
        """Build it."""
        from torch import nn

        conv = nn.Conv2d(
            self.in_chs,
            self.out_chs,
            self.kernel_size,
            self.stride,
            padding=self.kernel_size // 2,
            groups=self.groups,
            bias=False,
        )
        return nn.Sequential(conv, nn.BatchNorm2d(self.out_chs), nn.ReLU())

    def trace(self) -> Trace:
        """Return its operations."""
        return trace_module(self.module(), self.input_shape)


@dataclass(frozen=True)
class PartSample:
    """A stem, a block or a head of a network."""

    part: Part
    input_shape: InputShape
    whole: bool = False

    @property
    def name(self) -> str:
        """For a person."""
        channels, height, width = self.input_shape
        return f"{self.family} on {channels}x{height}x{width}"

    @property
    def family(self) -> str:
        """The kind of block, or which end it is."""
        if isinstance(self.part, Stem):
            return "stem"
        return f"head {self.part.head.kind}" if isinstance(self.part, Classifier) else self.part.kind

    @property
    def spec(self) -> dict[str, Any]:
        """Plain data."""
        plain = schema.to_dict(self.part)
        which = "stem" if isinstance(self.part, Stem) else "head" if isinstance(self.part, Classifier) else "block"
        if which == "block":
            plain = {"kind": self.family, **plain}
        return {which: plain, "input_shape": list(self.input_shape)}

    def module(self) -> nn.Module:
        """Build it."""
        return part_module(self.part, self.input_shape)

    def trace(self) -> Trace:
        """Return its operations."""
        return trace_part(self.part, self.input_shape)


@dataclass(frozen=True)
class ArchitectureSample:
    """A network of a search space."""

    architecture: Architecture
    family: str
    whole: bool = True

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.family} {self.architecture.digest[:8]} at {self.architecture.resolution}"

    @property
    def input_shape(self) -> InputShape:
        """Channels, height, width."""
        return 3, self.architecture.resolution, self.architecture.resolution

    @property
    def spec(self) -> dict[str, Any]:
        """Plain data."""
        return {"architecture": self.architecture.to_dict(), "family": self.family}

    def module(self) -> nn.Module:
        """Build it."""
        from nas.model.network import build

        return build(self.architecture, seed=0)

    def trace(self) -> Trace:
        """Return its operations."""
        return trace_module(self.module(), self.input_shape)


@dataclass(frozen=True)
class TimmSample:
    """A model of timm: another family than the space's networks."""

    model: str
    resolution: int
    family: str = "timm"
    whole: bool = True

    @property
    def name(self) -> str:
        """For a person."""
        return f"timm:{self.model} at {self.resolution}"

    @property
    def input_shape(self) -> InputShape:
        """Channels, height, width."""
        return 3, self.resolution, self.resolution

    @property
    def spec(self) -> dict[str, Any]:
        """Plain data."""
        return {"timm": self.model, "resolution": self.resolution}

    def module(self) -> nn.Module:
        """Build it."""
        import timm

        try:
            module: nn.Module = timm.create_model(self.model, img_size=self.resolution)
        except TypeError:  # only models with position embeddings take a size
            module = timm.create_model(self.model)
        return module

    def trace(self) -> Trace:
        """Return its operations."""
        return trace_module(self.module(), self.input_shape)


def read_sample(spec: Mapping[str, Any]) -> Sample:
    """Read back what `spec` wrote.

    Raises:
        UserError: if it does not describe a sample.
    """
    source = "measured sample"
    if "conv" in spec:
        return ConvSample(**spec["conv"])
    if "architecture" in spec:
        return ArchitectureSample(Architecture.from_dict(spec["architecture"], source=source), spec["family"])
    if "timm" in spec:
        return TimmSample(spec["timm"], spec["resolution"])
    channels, height, width = spec["input_shape"]
    return PartSample(_read_part(spec, source), (channels, height, width))


def _read_part(spec: Mapping[str, Any], source: str) -> Part:
    if "stem" in spec:
        return schema.read(Stem, spec["stem"], source=source)
    if "head" in spec:
        return Classifier(schema.read(Head, spec["head"]["head"], source=source), spec["head"]["num_classes"])
    fields = {name: value for name, value in spec["block"].items() if name != "kind"}
    return schema.read(block_types()[spec["block"]["kind"]], fields, source=source)


def sample_key(spec: Mapping[str, Any]) -> str:
    """Return sixteen hexadecimal digits that name a sample."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


class Traced:
    """A sample with its trace, made when first needed."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.key = sample_key(sample.spec)

    @cached_property
    def trace(self) -> Trace:
        """Its operations."""
        return self.sample.trace()


def part_pool(spaces: Sequence[SearchSpace], rng: random.Random, architectures: int) -> list[Sample]:
    """Return the distinct blocks, ends and convolutions of random architectures of each space, and of its extremes.

    Only what a space can hold is in the pool: nothing impossible has to be pruned later.
    """
    parts: dict[tuple[Part, InputShape], None] = {}
    for space in spaces:
        drawn = [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(architectures))]
        for architecture in drawn:
            parts.update(dict.fromkeys(architecture_parts(architecture)))
    blocks = [PartSample(part, shape) for part, shape in parts]
    convs = dict.fromkeys(conv for block in blocks for conv in _convolutions(block.trace().ops))
    return [*blocks, *convs]


def _convolutions(ops: Sequence[Op]) -> Iterator[ConvSample]:
    for op in ops:
        if op.name == "conv2d" and len(op.output_shape) == 4 and op.input_shapes and op.input_shapes[0][2] > 1:
            yield ConvSample(op.in_chs, op.out_chs, op.kernel_size, op.stride, op.groups, op.input_shapes[0][2])
