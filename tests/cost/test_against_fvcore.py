"""MACs are fvcore's, with fused attention counted; parameters are exact."""

import random

import pytest
import timm

from nas.cost.cost import CostModel
from nas.cost.trace import trace_module
from nas.model.folding import folded
from nas.model.network import build, count_params
from nas.space.space import load_space
from tests.cost.fvcore_counts import fvcore_macs

TIMM_MODELS = (
    *("mobilenetv3_small_100", "mobilevit_xxs", "deit_tiny_patch16_224", "efficientvit_b0", "ghostnet_100"),
    *("convnext_atto", "repvgg_a0", "edgenext_xx_small", "fastvit_t8", "resnet18", "densenet121", "tinynet_e"),
    *("lcnet_050", "levit_128", "poolformer_s12", "regnety_002", "mixnet_s", "tiny_vit_5m_224", "mobileone_s0"),
    *("efficientformerv2_s0", "hrnet_w18_small", "xcit_nano_12_p16_224"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM_MODELS)
def test_timm_models(name: str) -> None:
    model = timm.create_model(name)
    shape = model.default_cfg["input_size"]
    trace = trace_module(model, shape)
    assert trace.uncovered == ()
    assert trace.params == count_params(model)
    assert trace.macs == fvcore_macs(model, shape)


@pytest.mark.parametrize("name", ["mobilevit_xxs", "mobilenetv3_small_050"])
def test_two_timm_models_quickly(name: str) -> None:
    test_timm_models(name)


def check_sampled(space_name: str, count: int, resolution: int | None = None) -> None:
    space, rng, costs = load_space(space_name), random.Random(1), CostModel()
    for _ in range(count):
        architecture = space.sample(rng)
        network = folded(build(architecture))
        cost = costs.cost(architecture)
        assert cost.params == count_params(network)
        shape = (3, architecture.resolution, architecture.resolution)
        assert cost.macs == fvcore_macs(network, shape)
        whole = trace_module(network, shape)
        assert (whole.macs, whole.peak_memory_elements * 4) == (cost.macs, cost.peak_memory_bytes)


def test_sampled_architectures() -> None:
    check_sampled("tiny-hybrid", 5)


@pytest.mark.slow
@pytest.mark.parametrize(("space", "count"), [("tiny-hybrid", 150), ("mobile-hybrid", 30)])
def test_many_sampled_architectures(space: str, count: int) -> None:
    check_sampled(space, count)
