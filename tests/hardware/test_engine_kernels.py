"""Predicted kernels are those that ONNX Runtime's profiler and LiteRT's converter report."""

from __future__ import annotations

import importlib.util

import pytest

from tools import check_kernels

# Known differences, with their reasons in docs/latency.md.
DIFFERENT = {"mobilenetv4_hybrid_medium@64": 8, "convnext_atto@64": 1}
QUICK = ("mobilenetv3_small_100@64", "tiny-hybrid:1", "mcu-tiny:0")


def require(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


@pytest.mark.parametrize("network", QUICK)
def test_kernels_are_those_of_onnx_runtime(network: str) -> None:
    require("onnxruntime")
    ours, real = check_kernels.compare(network, "onnxruntime")
    assert ours == real


@pytest.mark.slow
@pytest.mark.parametrize("network", sorted({*check_kernels.TIMM, *check_kernels.SAMPLED} - {*QUICK}))
def test_kernels_of_more_networks_are_those_of_onnx_runtime(network: str) -> None:
    require("onnxruntime")
    ours, real = check_kernels.compare(network, "onnxruntime")
    assert not ours - real
    assert (real - ours).total() == DIFFERENT.get(network, 0)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mobilenetv2_100@64", "mobilenetv3_small_100@64", "regnety_002@64"])
def test_kernels_are_those_of_litert(network: str) -> None:
    require("litert_torch")
    ours, real = check_kernels.compare(network, "litert")
    assert ours == real
