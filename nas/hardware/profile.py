"""A target as data: rates, limits, fusion rules and the evidence behind them, read from `hardware_profiles/*.yaml`.

Imports neither torch nor timm, so listing targets is quick. Every number carries its unit in its name; every rate
says whether it was fitted to measured networks or copied from a data sheet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nas.cost.rules import FusionRules, resolve
from nas.errors import UserError
from nas.hardware.terms import KernelTerms
from nas.resources import find_yaml, shipped_names
from nas.schema import load_yaml, read

FOLDER = "hardware_profiles"

Precision = Literal["fp32", "fp16", "int8"]
BYTES_PER_ELEMENT: dict[str, int] = {"fp32": 4, "fp16": 2, "int8": 1}


@dataclass(frozen=True, slots=True)
class Peaks:
    """What the data sheet promises: the fit starts here and is pulled back towards it."""

    gmacs_per_s: float
    gbytes_per_s: float

    def __post_init__(self) -> None:
        _require_positive(gmacs_per_s=self.gmacs_per_s, gbytes_per_s=self.gbytes_per_s)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the engine cannot run, and what it runs badly.

    Attributes:
        unsupported: operator names of a trace (``"hard_swish"``, ``"attention"``) the engine does not run.
        channel_multiple: channels are padded up to a multiple of this before they are worked on.
        on_chip_bytes: room for weights on the chip; the rest is streamed at each inference.
        stream_gbytes_per_s: the rate of that streaming; needed where `on_chip_bytes` is given.
        scratch_share: room lost to the program and its buffers, as a share of all activations read and written.
        weight_gbytes_per_s: the rate at which weights are read where they have a way of their own; otherwise they are
            read at the rate of the activations.
    """

    unsupported: tuple[str, ...] = ()
    channel_multiple: int = 1
    on_chip_bytes: float | None = None
    stream_gbytes_per_s: float | None = None
    scratch_share: float = 0.0
    weight_gbytes_per_s: float | None = None

    def __post_init__(self) -> None:
        if self.channel_multiple < 1:
            raise ValueError(f"channel_multiple must be at least 1, got {self.channel_multiple}")
        if self.scratch_share < 0:
            raise ValueError(f"scratch_share must not be negative, got {self.scratch_share}")
        if self.weight_gbytes_per_s is not None:
            _require_positive(weight_gbytes_per_s=self.weight_gbytes_per_s)
        if (self.on_chip_bytes is None) != (self.stream_gbytes_per_s is None):
            raise ValueError("on_chip_bytes and stream_gbytes_per_s are given together or not at all")
        if self.on_chip_bytes is not None and self.stream_gbytes_per_s is not None:
            _require_positive(on_chip_bytes=self.on_chip_bytes, stream_gbytes_per_s=self.stream_gbytes_per_s)


@dataclass(frozen=True, slots=True)
class KernelRate:
    """How fast one kind of kernel runs.

    Attributes:
        overhead_ms: cost of launching it, however small it is.
        gmacs_per_s: multiply-adds a second once there is enough work.
        gbytes_per_s: bytes read and written a second.
        evidence: ``fitted`` where the measured networks hold this kind, ``datasheet`` where not.
        half_macs: work at which half of `gmacs_per_s` is reached.
        half_out_chs: output channels at which half of `gmacs_per_s` is reached.
    """

    overhead_ms: float
    gmacs_per_s: float
    gbytes_per_s: float
    evidence: Literal["fitted", "datasheet"]
    half_macs: float = 0.0
    half_out_chs: float = 0.0

    def __post_init__(self) -> None:
        _require_positive(gmacs_per_s=self.gmacs_per_s, gbytes_per_s=self.gbytes_per_s)
        if min(self.overhead_ms, self.half_macs, self.half_out_chs) < 0:
            raise ValueError("overhead_ms, half_macs and half_out_chs must not be negative")


@dataclass(frozen=True, slots=True)
class Correction:
    """How whole networks differ from the sum of their kernels: learned from few of them (`nas.hardware.calibrate`).

    The latency is `intercept_ms` and for each kernel ``launch + factor * work``, where the work is what the profile's
    rates give. No number is negative, so more kernels or wider ones never make a network faster.

    Attributes:
        scale: of overhead and work of what the other two do not name.
        intercept_ms: of the network.
        per_kernel_ms: launch of a kernel, by `nas.hardware.work.variant` (``conv``, ``add``); replaces the overhead.
        work_scale: factor of the work, by variant.
    """

    scale: float = 1.0
    intercept_ms: float = 0.0
    per_kernel_ms: dict[str, float] = field(default_factory=dict)
    work_scale: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_positive(scale=self.scale)
        for name, value in (("per_kernel_ms", self.per_kernel_ms), ("work_scale", self.work_scale)):
            if any(number < 0 for number in value.values()):
                raise ValueError(f"{name} must not be negative, got {value}")
        if self.intercept_ms < 0:
            raise ValueError(f"intercept_ms must not be negative, got {self.intercept_ms}")


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors on networks that were left out of the fit (shares and errors in 0..1)."""

    share_within_10: float
    mape: float
    median: float
    spearman: float


@dataclass(frozen=True, slots=True)
class EvidenceGroup:
    """A further set of networks, judged apart from the main one."""

    name: str
    networks: int
    errors: Errors
    macs_only: Errors
    method: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands behind a profile.

    Attributes:
        kind: ``measured`` here, ``published`` by others, or only a ``datasheet``.
        networks: number of measured networks in the fit.
        method: how the errors were found, e.g. ``leave-one-network-out``.
        errors: errors of networks left out of the fit; None where there were none.
        macs_only: the same for a straight line in MACs: what the profile has to beat.
        uncorrected: the same for the profile before its correction by these networks, where it has one.
        interval_factor: `interval_coverage` of the left-out networks lay within this factor of the estimate.
        range_ms: the measured latencies; an estimate outside them is an extrapolation.
        others: further sets of networks, stated apart.
    """

    kind: Literal["measured", "published", "datasheet"]
    sources: tuple[str, ...]
    date: str
    networks: int
    method: str
    interval_factor: float
    interval_coverage: float | None = None
    errors: Errors | None = None
    macs_only: Errors | None = None
    uncorrected: Errors | None = None
    range_ms: tuple[float, float] | None = None
    others: tuple[EvidenceGroup, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if self.interval_factor < 1:
            raise ValueError(f"interval_factor must be at least 1, got {self.interval_factor}")
        if self.kind != "datasheet" and (self.networks < 1 or self.errors is None):
            raise ValueError(f"evidence of kind {self.kind!r} needs networks and errors")
        if self.kind == "datasheet" and self.errors is not None:
            raise ValueError("evidence of kind 'datasheet' cannot have measured errors")


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """A target device with its engine: everything the latency predictor needs.

    `terms` take the place of the rates where the engine told the time of each kernel in whole networks.
    `power_w` is what the board or chip may draw by its data sheet; energy is estimated as if it did all the time.
    """

    name: str
    description: str
    device: str
    engine: str
    precision: Precision
    batch: int
    peaks: Peaks
    default: KernelRate
    evidence: Evidence
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
    fusion: FusionRules = field(default_factory=FusionRules)
    kernels: dict[str, KernelRate] = field(default_factory=dict)
    correction: Correction = field(default_factory=Correction)
    terms: KernelTerms | None = None
    power_w: float | None = None
    power_source: str = ""

    def __post_init__(self) -> None:
        if self.power_w is not None:
            _require_positive(power_w=self.power_w)
        if (self.power_w is None) != (not self.power_source):
            raise ValueError("power_w and power_source are given together or not at all")
        if self.batch != 1:
            raise ValueError(f"batch must be 1, got {self.batch}: kernels are traced one image at a time")
        object.__setattr__(self, "fusion", resolve(self.fusion))  # `{engine: NAME}` stands for a file of rules

    @property
    def bytes_per_element(self) -> int:
        """Size of one weight or activation at the profile's precision."""
        return BYTES_PER_ELEMENT[self.precision]

    def rate(self, kind: str) -> KernelRate:
        """Return the rate of kernels of `kind`; the default for kinds without their own."""
        return self.kernels.get(kind, self.default)


def profile_names() -> list[str]:
    """Return the names of the shipped targets, sorted."""
    return shipped_names(FOLDER)


def load_profile(name_or_path: str) -> HardwareProfile:
    """Load a shipped target by name, or any profile by path.

    Raises:
        UserError: if there is no such target, or listing every problem of its file.
    """
    path = find_yaml(name_or_path, FOLDER, "target")
    profile = read(HardwareProfile, load_yaml(path), source=str(path))
    if profile.name != path.stem:
        raise UserError(f"{path}: $.name is {profile.name!r}, but the file is called {path.stem!r}")
    return profile


def describe_target(profile: HardwareProfile) -> dict[str, object]:
    """Summarise a profile for a list of targets."""
    errors = profile.evidence.errors
    return {
        "name": profile.name,
        "description": profile.description,
        "device": profile.device,
        "engine": profile.engine,
        "precision": profile.precision,
        "threads": profile.threads,
        "evidence": profile.evidence.kind,
        "networks": profile.evidence.networks,
        "share_within_10": errors.share_within_10 if errors else None,
        "median_error": errors.median if errors else None,
        "spearman": errors.spearman if errors else None,
        "unsupported": list(profile.limits.unsupported),
    }


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name} must be positive, got {value}")
