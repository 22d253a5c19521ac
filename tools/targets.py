"""Which measurements stand behind which target, and how freely each fit may move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks.latency import TORCH2TRT
from nas import schema
from nas.hardware.fit import MeasuredNetwork, Spread
from nas.hardware.profile import HardwareProfile, KernelRate, Peaks
from tools import evidence, networks
from tools.family import Sibling

TEMPLATES = Path(__file__).resolve().parent / "templates"
CELLS_IN_FIT = 20
CELLS_HELD_OUT = 200
CELLS = "NAS-Bench-201 cells at 32x32"

MMDEPLOY = "open-mmlab/mmdeploy docs/en/03-benchmark/benchmark.md"
JETSON_INFERENCE = "dusty-nv/jetson-inference README.md"
ULTRALYTICS = "ultralytics/ultralytics docs/en/guides/nvidia-jetson.md"
TFLITE = "tensorflow/tensorflow tensorflow/lite/g3doc/guide/hosted_models.md"
EFFICIENTNET_LITE = "tensorflow/tpu models/official/efficientnet/lite/README.md"
PADDLE = "PaddlePaddle/PaddleClas docs/zh_CN/models/ImageNet1k"
NCNN = "Tencent/ncnn benchmark/README.md and the layer graphs beside it"
HW_NAS_BENCH = "HW-NAS-Bench (Li et al. 2021, arXiv 2103.10584), by way of OneProxy"
EAGLE = "LatBench (Dudziak et al. 2020, arXiv 2007.08668), by way of OneProxy"

# Widths were settled on devices that are not shipped: T4, Snapdragon 855 with two threads, Pixel 3 int8, Snapdragon
# 855+ and Raspberry Pi 4 with one thread. One engine with few ways to run a kernel misfits less than others.
PLAIN = Spread()
MIXED = Spread(noise=0.1)

# The graphs of these end in non-maximum suppression on the CPU, which is no kernel of ours.
NCNN_DETECTORS = ("squeezenet_ssd", "mobilenet_ssd")


@dataclass(frozen=True)
class Group:
    """Networks of another kind than the target's main ones: few join the fit, the rest judge it."""

    name: str
    fitted: tuple[MeasuredNetwork, ...]
    held_out: tuple[MeasuredNetwork, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """The evidence of one target.

    Attributes:
        networks: what each is left out of the fit once.
        siblings: other devices of the family, fitted together with it.
        others: networks of another kind.
        transfer: a target whose fitted rates are taken over by the ratio of the data sheets: there are no networks.
    """

    kind: Literal["measured", "published", "datasheet"]
    networks: tuple[MeasuredNetwork, ...]
    sources: tuple[str, ...]
    spread: Spread = PLAIN
    siblings: tuple[Sibling, ...] = ()
    others: tuple[Group, ...] = ()
    note: str = ""
    transfer: str = ""

    @property
    def always(self) -> tuple[MeasuredNetwork, ...]:
        """Networks that take part in every fit."""
        return tuple(network for group in self.others for network in group.fitted)


def template_names() -> list[str]:
    """Return the targets that can be fitted, sorted."""
    return sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


def load_template(name: str) -> HardwareProfile:
    """Read a target's data sheet."""
    template: HardwareProfile = schema.read(HardwareProfile, schema.load_yaml(TEMPLATES / f"{name}.yaml"), source=name)
    return template


def gather(name: str, data: Path | None) -> Case:
    """Collect the evidence of a target."""
    if data is None:
        raise SystemExit(f"{name}: --data must name the folder of measured data")
    return CASES[name](load_template(name), data)


def _coral(template: HardwareProfile, data: Path) -> Case:
    on = partial(evidence.published, data, networks.CORAL, template.fusion, dtype="int8", engine="Edge TPU")
    return Case(
        kind="published",
        networks=on(device="Coral Dev Board Edge TPU"),
        sources=(
            "coral.ai/docs/edgetpu/benchmarks",
            "google-coral/edgetpu benchmarks/reference/basic_engine_reference_aarch64.csv",
        ),
        siblings=(Sibling("Coral USB", template, on(device="Coral USB Accelerator (USB3) on desktop CPU")),),
        others=(_cells(template, data, "hwnb_edgetpu", HW_NAS_BENCH),),
        note=(
            "Fitted together with the same chip behind USB 3. Detectors, DeepLab and U-Net take at least 1.7 times as "
            "long on the board as behind a desktop CPU, so part of them runs on the CPU: they were left out."
        ),
        spread=Spread(noise=0.06, weight=0.7),
    )


def _pixel4(template: HardwareProfile, data: Path, *, dtype: str, sibling_dtype: str) -> Case:
    tflite = partial(evidence.published, data, fusion=template.fusion, engine="TFLite", threads="4")
    return Case(
        kind="published",
        networks=tflite(networks=networks.EFFICIENTNET_LITE, device="Pixel 4 CPU", dtype=dtype),
        sources=(f"{EFFICIENTNET_LITE} (EfficientNet-lite 0, 2, 3, 4)", f"{TFLITE} (Pixel 3)"),
        siblings=(
            Sibling(
                "Pixel 3",
                template,
                tflite(networks=networks.TFLITE, device="Pixel 3 CPU (Android 10)", dtype=sibling_dtype),
            ),
        ),
        note="Own networks are of one family; how kinds of kernel compare comes from a Pixel 3 with the same engine.",
    )


def _snapdragon_855(template: HardwareProfile, data: Path) -> Case:
    return Case(
        kind="published",
        networks=evidence.published(
            data,
            networks.PADDLE,
            template.fusion,
            device="Snapdragon 855 CPU",
            dtype="fp32",
            engine="Paddle-Lite",
            threads=str(template.threads),
        ),  # fmt: skip
        sources=(PADDLE,),
        note="Small classifiers at 224x224.",
    )


def _snapdragon_855_int8(template: HardwareProfile, data: Path) -> Case:
    group = _cells(template, data, "eagle_sd855_cpu_int8", EAGLE, in_fit=0)
    return Case(
        kind="published",
        networks=group.held_out,
        sources=(EAGLE,),
        note=(
            "Cell networks at 32x32 only, and neither engine nor threads are stated: they cost several milliseconds "
            "before they compute anything. Larger images are extrapolated."
        ),
    )


def _ncnn(template: HardwareProfile, data: Path, *, run: int) -> Case:
    every = evidence.ncnn(data, template.fusion, run)
    return Case(
        kind="published",
        networks=tuple(network for network in every if network.name not in NCNN_DETECTORS),
        sources=(NCNN,),
        spread=MIXED,
        note="Two detectors whose graph ends in non-maximum suppression were left out.",
    )


def _cells(template: HardwareProfile, data: Path, column: str, source: str, in_fit: int = CELLS_IN_FIT) -> Group:
    by_torch2trt = column == "hwnb_jetson_tx2"  # which runs the published code, constants and all
    rules = TORCH2TRT if by_torch2trt else template.fusion
    found = evidence.cells(data, column, rules, in_fit + CELLS_HELD_OUT, zeros=by_torch2trt)
    return Group(CELLS, tuple(found[:in_fit]), tuple(found[in_fit:]), (source,))


@dataclass(frozen=True)
class Gpu:
    """A GPU of the TensorRT family: its names in the published table and, if it is no target, its data sheet."""

    rows: tuple[str, ...]
    peaks: Peaks | None = None
    overhead_ms: float = 0.005


# NVIDIA data sheets; T4: 65 FP16 TFLOPS, 8.1 FP32 TFLOPS, 320 GB/s.
FP16_GPUS = {
    "T4": Gpu(("NVIDIA T4",), Peaks(32500.0, 320.0)),
    "jetson-nano": Gpu(("Jetson Nano 2GB", "Jetson Nano")),
    "jetson-xavier": Gpu(("Jetson AGX Xavier",)),
    "jetson-orin": Gpu(("Jetson Orin Nano Super GPU",)),
}
FP32_GPUS = {
    "T4": Gpu(("NVIDIA T4",), Peaks(4050.0, 320.0)),
    "jetson-nano-fp32": Gpu(("Jetson Nano 2GB",)),
    "jetson-tx2": Gpu(("Jetson TX2",)),
    "Orin Nano": Gpu(("Jetson Orin Nano Super GPU",), Peaks(1045.0, 102.0), 0.01),
}
GPU_NETWORKS = (*networks.MMDEPLOY, *networks.JETSON_INFERENCE, *networks.YOLO11)


def _jetson(
    template: HardwareProfile, data: Path, *, sources: tuple[str, ...], cells: tuple[str, str] | None = None
) -> Case:
    gpus = FP16_GPUS if template.precision == "fp16" else FP32_GPUS
    siblings = tuple(
        Sibling(name, _gpu_template(name, gpu, template), _gpu_networks(gpu, template, data))
        for name, gpu in gpus.items()
        if name != template.name
    )
    return Case(
        kind="published",
        networks=_gpu_networks(gpus[template.name], template, data),
        sources=sources,
        spread=MIXED,
        siblings=siblings,
        others=(_cells(template, data, *cells),) if cells else (),
        note="Fitted together with "
        + ", ".join(sibling.name for sibling in siblings)
        + ", TensorRT at this precision.",
    )


def _gpu_networks(gpu: Gpu, template: HardwareProfile, data: Path) -> tuple[MeasuredNetwork, ...]:
    return tuple(
        network
        for row in gpu.rows
        for network in evidence.published(
            data, GPU_NETWORKS, template.fusion, device=row, dtype=template.precision, engine="TensorRT"
        )
    )


def _gpu_template(name: str, gpu: Gpu, like: HardwareProfile) -> HardwareProfile:
    if gpu.peaks is None:
        return load_template(name)
    return on_data_sheet(like, gpu.peaks, gpu.overhead_ms)


def on_data_sheet(template: HardwareProfile, peaks: Peaks, overhead_ms: float | None = None) -> HardwareProfile:
    """Return `template` with its rates scaled to another device's peaks; overheads stay unless one is given."""
    compute = peaks.gmacs_per_s / template.peaks.gmacs_per_s
    memory = peaks.gbytes_per_s / template.peaks.gbytes_per_s

    def scaled(rate: KernelRate) -> KernelRate:
        return replace(
            rate,
            gmacs_per_s=rate.gmacs_per_s * compute,
            gbytes_per_s=rate.gbytes_per_s * memory,
            half_macs=rate.half_macs * compute,
            overhead_ms=rate.overhead_ms if overhead_ms is None else overhead_ms,
        )

    return replace(
        template,
        peaks=peaks,
        default=scaled(template.default),
        kernels={kind: scaled(rate) for kind, rate in template.kernels.items()},
    )


def _agx_orin(_template: HardwareProfile, _data: Path) -> Case:
    return Case(
        kind="datasheet",
        networks=(),
        sources=("NVIDIA Jetson AGX Orin data sheet", "the fitted rates of jetson-orin"),
        note=(
            "No TensorRT latencies of single networks were at hand: rates are those of jetson-orin, which has the same "
            "architecture, times the ratio of the data sheets; overheads are unchanged."
        ),
        transfer="jetson-orin",
    )


CASES: dict[str, Callable[[HardwareProfile, Path], Case]] = {
    "coral-edgetpu": _coral,
    "jetson-agx-orin": _agx_orin,
    "jetson-orin": partial(_jetson, sources=(f"{ULTRALYTICS} (YOLO11 n, s, m, x at 640x640)", MMDEPLOY)),
    "jetson-xavier": partial(_jetson, sources=(f"{JETSON_INFERENCE} (whole frames a second)", MMDEPLOY)),
    "jetson-nano": partial(_jetson, sources=(f"{MMDEPLOY} (Nano 2GB)", f"{JETSON_INFERENCE} (whole frames a second)")),
    "jetson-nano-fp32": partial(_jetson, sources=(f"{MMDEPLOY} (Nano 2GB)",), cells=("eagle_jetson_nano_fp32", EAGLE)),
    "jetson-tx2": partial(_jetson, sources=(MMDEPLOY,), cells=("hwnb_jetson_tx2", HW_NAS_BENCH)),
    "pixel4-cpu": partial(_pixel4, dtype="fp32", sibling_dtype="fp32"),
    "pixel4-cpu-int8": partial(_pixel4, dtype="int8", sibling_dtype="uint8"),
    "snapdragon-855-cpu": _snapdragon_855,
    "snapdragon-855-cpu-4threads": _snapdragon_855,
    "snapdragon-855-cpu-int8": _snapdragon_855_int8,
    "snapdragon-8gen2-cpu": partial(_ncnn, run=299),
    "raspberry-pi-4": partial(_ncnn, run=63),
    "raspberry-pi-5": partial(_ncnn, run=66),
}
