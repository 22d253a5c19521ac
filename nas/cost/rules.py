"""How an engine turns operations into kernels, as data: read from `hardware_profiles/engines/<engine>.yaml`.

Imports no torch, so reading a profile stays quick. Operations carry the names of a trace; besides, ``scale`` and
``bias`` stand for a product or a sum with a number or one weight a channel, ``split`` for slices that together take
a value apart, ``swap`` for a transpose of the last two dimensions and ``reorder`` for a change of memory layout.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from nas.resources import find_yaml
from nas.schema import load_yaml, read

FOLDER = "hardware_profiles/engines"

Layout = Literal["plain", "blocked", "plain+blocked", "blocked+plain"]
"""How a feature map lies in memory between two parts of a network: as it was made, and as it was copied besides."""

IMAGE_LAYOUT: Layout = "plain"


@dataclass(frozen=True, slots=True)
class BlockedLayout:
    """Feature maps in blocks of channels, as ONNX Runtime keeps them on x86 (NCHWc), or with the channels last.

    Convolutions and pools ask for this layout; what is not named here needs the plain one. A change is a kernel.

    Attributes:
        block: channels in a block: 16 with AVX-512, 8 with AVX2; 1 where the channels come last.
        align: channels of a convolution on blocks are a multiple of this.
        pools: operations that take whole blocks only.
        keeps: operations on one map that work in either layout.
        joins: operations on several maps that stay in blocks where all their maps are.
        broadcasts: whether these maps may differ in size.
        free_transposes: whether a transpose between the layouts is none, nor one of a map with a single position.
    """

    block: int
    align: int = 1
    pools: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    broadcasts: bool = False
    free_transposes: bool = False


@dataclass(frozen=True, slots=True)
class FusionRules:
    """What an engine joins into one kernel, takes apart, and leaves out.

    Attributes:
        absorb: by the first operation of a kernel, the operations that may follow inside it.
        after: for some of these, what they may directly follow there; others may follow anything.
        prologue: by the first operation of a kernel, what may be done to its inputs inside it.
        free: operations that cost nothing, such as reshapes of a contiguous map.
        in_place: of these, concatenations, the engine copies only operands that something else reads too, or that
            are an input; the others are written where they belong by the kernels that make them.
        expand: operations that the engine runs as several, one after the other. ``mean@rows`` gives one number for
            each row of channels. What comes before the first product of attention is done to its inputs: the first
            ``scale`` to the queries, all else to the keys.
        expand_alone: the same for operations that no kernel absorbed.
        hoist_scales: whether a product with a number moves back over transposes and views into a weight.
        split: whether slices that take a value apart are one kernel.
        explicit_padding: whether a convolution whose padding is not "same" or a max pool gets a kernel that pads.
        blocked: the layout of feature maps where it is blocked.
        drop: what is left out: ``unread`` results, ``identities`` (x + 0, x * 1) and ``zeros`` (x * 0, and adding it).
        engine: the file in `hardware_profiles/engines` that these are; given alone, it stands for that file.
        source: where the rules come from, and whether they were checked.
    """

    absorb: dict[str, tuple[str, ...]] = field(default_factory=dict)
    free: tuple[str, ...] = ("reshape",)
    in_place: tuple[str, ...] = ()
    after: dict[str, tuple[str, ...]] = field(default_factory=dict)
    prologue: dict[str, tuple[str, ...]] = field(default_factory=dict)
    expand: dict[str, tuple[str, ...]] = field(default_factory=dict)
    expand_alone: dict[str, tuple[str, ...]] = field(default_factory=dict)
    hoist_scales: bool = False
    split: bool = False
    explicit_padding: bool = False
    blocked: BlockedLayout | None = None
    drop: tuple[Literal["unread", "identities", "zeros"], ...] = ()
    engine: str = ""
    source: str = ""


def load_rules(name_or_path: str) -> FusionRules:
    """Load the rules of an engine by name, or any rules by path.

    Raises:
        UserError: if there are no such rules, or listing every problem of their file.
    """
    path = find_yaml(name_or_path, FOLDER, "engine")
    rules = read(FusionRules, load_yaml(path), source=str(path))
    return replace(rules, engine=name_or_path)


def resolve(rules: FusionRules) -> FusionRules:
    """Return the rules an engine's name stands for, where it is given alone, and other rules as they are.

    Raises:
        UserError: as `load_rules`.
    """
    return load_rules(rules.engine) if rules == FusionRules(engine=rules.engine) and rules.engine else rules
