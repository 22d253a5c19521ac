"""Which measurements stand behind which target, and how freely each fit may move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import evidence

from nas.hardware.fit import MeasuredNetwork, Spread
from nas.hardware.profile import HardwareProfile

CELLS_IN_FIT = 20
CELLS_HELD_OUT = 200
SCRATCH_SHARES = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
CELLS_SOURCE = "HW-NAS-Bench Edge TPU latencies of NAS-Bench-201 cells (Li et al. 2021), by way of OneProxy"


@dataclass(frozen=True)
class Group:
    """Networks of another kind than the target's main ones: few join the fit, the rest judge it."""

    name: str
    fitted: tuple[MeasuredNetwork, ...]
    held_out: tuple[MeasuredNetwork, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """The evidence of one target."""

    kind: Literal["measured", "published"]
    networks: tuple[MeasuredNetwork, ...]
    sources: tuple[str, ...]
    spread: Spread = Spread()
    others: tuple[Group, ...] = ()
    note: str = ""
    templates: tuple[HardwareProfile, ...] = ()  # to choose among; the target's own template if empty
    chosen: str = ""  # what they differ in

    @property
    def always(self) -> tuple[MeasuredNetwork, ...]:
        """Networks that take part in every fit."""
        return tuple(network for group in self.others for network in group.fitted)


def gather(name: str, template: HardwareProfile, data: Path | None) -> Case:
    """Collect the evidence of a target."""
    if name == "host-cpu":
        import host

        return host.measure(template)
    if data is None:
        raise SystemExit(f"{name}: --data must name the folder of measured data")
    return {"jetson-orin": _jetson, "coral-edgetpu": _coral, "pixel4-cpu": _pixel}[name](template, data)


def _jetson(template: HardwareProfile, data: Path) -> Case:
    networks = evidence.published(
        data, evidence.YOLO11, template.fusion,
        device="Jetson Orin Nano Super GPU", dtype="fp16", engine="TensorRT", threads="",
    )  # fmt: skip
    return Case(
        kind="published",
        networks=tuple(networks),
        sources=("ultralytics/ultralytics docs/en/guides/nvidia-jetson.md (YOLO11 n, s, m, x at 640x640)",),
        note="One family of detectors at 640x640: small classifiers at small resolutions are extrapolated.",
    )


def _coral(template: HardwareProfile, data: Path) -> Case:
    networks = evidence.published(
        data, evidence.CORAL, template.fusion,
        device="Coral Dev Board Edge TPU", dtype="int8", engine="Edge TPU", threads="",
    )  # fmt: skip
    return Case(
        kind="published",
        networks=tuple(networks),
        sources=(
            "coral.ai/docs/edgetpu/benchmarks",
            "google-coral/edgetpu benchmarks/reference/basic_engine_reference_aarch64.csv",
            CELLS_SOURCE,
        ),
        spread=Spread(scratch=0.0),
        others=(_cells(template, data, "hwnb_edgetpu"),),
        note=(
            f"{CELLS_IN_FIT} cell networks at 32x32 take part in every fit, for the launch costs. The form of the "
            "formula and the widths of the priors were settled by hand on these networks."
        ),
        templates=tuple(
            replace(template, limits=replace(template.limits, scratch_share=share)) for share in SCRATCH_SHARES
        ),
        chosen="scratch_share",
    )


def _pixel(template: HardwareProfile, data: Path) -> Case:
    networks = evidence.published(
        data, evidence.EFFICIENTNET_LITE, template.fusion,
        device="Pixel 4 CPU", dtype="fp32", engine="TFLite", threads="4",
    )  # fmt: skip
    return Case(
        kind="published",
        networks=tuple(networks),
        sources=("tensorflow/tpu models/official/efficientnet/lite/README.md (EfficientNet-lite 0, 2, 3, 4)",),
        note="One family of classifiers at 224x224 to 300x300: other operators and small resolutions are extrapolated.",
    )


def _cells(template: HardwareProfile, data: Path, column: str) -> Group:
    networks = evidence.cells(data, column, template.fusion, CELLS_IN_FIT + CELLS_HELD_OUT)
    return Group(
        name="NAS-Bench-201 cells at 32x32",
        fitted=tuple(networks[:CELLS_IN_FIT]),
        held_out=tuple(networks[CELLS_IN_FIT:]),
        sources=(CELLS_SOURCE,),
    )
