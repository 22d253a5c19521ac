"""Samples can be written and read back, and are what they say."""

import random

import pytest

from nas.hardware.samples import (
    ArchitectureSample,
    ConvSample,
    PartSample,
    TimmSample,
    part_pool,
    read_sample,
    sample_key,
)
from nas.space.space import load_space


@pytest.fixture(scope="module")
def pool():
    return part_pool([load_space("tiny-hybrid")], random.Random(0), architectures=3)


def test_the_pool_holds_blocks_ends_and_convolutions(pool):
    families = {sample.family for sample in pool}
    assert {"stem", "conv_dw", "conv_pw", "conv", "mbconv"} <= families
    assert len({sample_key(sample.spec) for sample in pool}) == len(pool)
    assert not any(sample.whole for sample in pool)


def test_samples_are_read_back(pool):
    architecture = load_space("tiny-hybrid").smallest()
    for sample in [*pool[:20], *pool[-5:], ArchitectureSample(architecture, "tiny-hybrid"), TimmSample("resnet18", 64)]:
        again = read_sample(sample.spec)
        assert again == sample
        assert sample_key(again.spec) == sample_key(sample.spec)


def test_a_convolution_is_traced_as_one():
    sample = ConvSample(in_chs=8, out_chs=8, kernel_size=3, stride=2, groups=8, size=16)
    conv = sample.trace().ops[0]
    assert (conv.name, conv.groups, conv.output_shape) == ("conv2d", 8, (1, 8, 8, 8))
    assert sample.family == "conv_dw"


def test_blocks_are_built_for_their_input(pool):
    import torch

    block = next(sample for sample in pool if isinstance(sample, PartSample) and sample.family == "mbconv")
    assert block.module().eval()(torch.zeros(1, *block.input_shape)).ndim == 4
