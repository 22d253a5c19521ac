"""Weight sharing: a subnet is the extracted network, and the largest holds every other."""

import random
from dataclasses import replace

import pytest
import torch
import yaml

from nas.model.largest import open_widths
from nas.model.network import build
from nas.model.slicing import enclosing, slice_like
from nas.model.supernet import Supernet
from nas.space.document import space_names
from nas.space.ends import Stem
from nas.space.space import SearchSpace, load_space


@pytest.fixture(scope="module")
def tiny() -> Supernet:
    return Supernet(load_space("tiny-hybrid").for_classes(10), seed=0)


def sampled_difference(supernet: Supernet, count: int, resolution: int | None = None) -> float:
    rng, worst = random.Random(0), 0.0
    for _ in range(count):
        architecture = supernet.space.sample(rng)
        x = torch.randn(2, 3, architecture.resolution, architecture.resolution)
        for training in (False, True):
            supernet.train(training)
            extracted = supernet.extract(architecture)
            with torch.no_grad():
                worst = max(worst, float((supernet(architecture, x) - extracted(x)).abs().max()))
    return worst


def test_a_subnet_gives_what_its_extracted_network_gives(tiny: Supernet) -> None:
    assert sampled_difference(tiny, 20) <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", space_names())
def test_every_space_shares_weights(name: str) -> None:
    assert sampled_difference(Supernet(load_space(name).for_classes(5)), 5) <= 1e-4


MIXED = """
name: mixed
description: both norms in one place
resolution: 16
stem: {out_chs: 8, norm: NORMS}
stages:
  - depth: [1, 2]
    out_chs: [12, 16]
    blocks:
      - {kind: group_bottleneck, group_width: [7, 8], bottle_ratio: [1, 2], norm: NORMS}
      - {kind: mbconv, exp_ratio: [1, 2], rank: [1, 0.5], norm: NORMS}
      - {kind: convnext, norm: NORMS}
heads: [{kind: conv_pool, features: [8, 16], norm: NORMS}]
"""


@pytest.mark.parametrize("norms", ["[batch, layer]", "[layer, batch]"])
def test_norms_share_what_both_have(norms: str) -> None:
    space = SearchSpace.read(yaml.safe_load(MIXED.replace("NORMS", norms))).for_classes(3)
    assert space.parameters["s0.b0.mbconv.norm"] == tuple(yaml.safe_load(norms))
    supernet, rng = Supernet(space, seed=0), random.Random(0)
    assert sampled_difference(supernet, 30) <= 1e-5
    drawn = [space.sample(rng) for _ in range(10)]
    assert all(space.decode(space.encode(architecture)) == architecture for architecture in drawn)
    batch, layer = (dict(supernet.weights(replace(drawn[0], stem=Stem(8, norm=n)))) for n in ("batch", "layer"))
    assert batch["bn1.weight"].data_ptr() == layer["bn1.weight"].data_ptr()
    assert set(batch) > set(layer)


def test_an_extracted_network_is_ordinary(tiny: Supernet) -> None:
    architecture = tiny.space.sample(random.Random(1))
    extracted = tiny.extract(architecture)
    plain = build(architecture)
    assert {k: v.shape for k, v in extracted.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }
    before = {k: v.clone() for k, v in tiny.state_dict().items()}
    with torch.no_grad():
        for parameter in extracted.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[k], v) for k, v in tiny.state_dict().items())


def test_only_what_a_subnet_uses_gets_gradients(tiny: Supernet) -> None:
    tiny.zero_grad(set_to_none=True)
    tiny.train()
    architecture = tiny.space.smallest()
    tiny(architecture, torch.randn(4, 3, 32, 32)).sum().backward()
    used = {name for name, p in tiny.named_parameters() if p.grad is not None}
    kinds = {f"blocks.{i}.{j}.{b.kind}" for i, stage in enumerate(architecture.stages) for j, b in enumerate(stage)}
    assert kinds <= {".".join(name.split(".")[:4]) for name in used}
    assert all(name.startswith(("stem", "heads.pool", *kinds)) for name in used)


def test_same_seed_same_weights() -> None:
    space = load_space("tiny-hybrid").for_classes(3)
    first, second = Supernet(space, seed=4).state_dict(), Supernet(space, seed=4).state_dict()
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_channels_are_leading_and_windows_centred() -> None:
    shared = torch.arange(4 * 3 * 5 * 5).reshape(4, 3, 5, 5)
    assert torch.equal(slice_like(shared, (2, 1, 3, 3)), shared[:2, :1, 1:4, 1:4])


def test_packed_dimensions_are_sliced_part_by_part() -> None:
    shared = torch.arange(8 * 3).reshape(8, 3)
    smaller = slice_like(shared, (4, 2), (2,))
    assert torch.equal(smaller, torch.cat([shared[0:2, :2], shared[4:6, :2]]))
    assert torch.equal(slice_like(shared, (8, 3), (2,)), shared)


@pytest.mark.parametrize("segments", [(), (1, 2), (2, 2)])
def test_what_encloses_weights_gives_the_larger_back(segments: tuple[int, ...]) -> None:
    wide, high, small = torch.rand(2, 8, 3, 3), torch.rand(4, 2, 3, 3), torch.rand(2, 2, 1, 1)
    shared = enclosing([wide, small, high], segments)
    assert shared.shape == (4, 8, 3, 3)
    assert torch.equal(slice_like(shared, (2, 8, 3, 3), segments), wide)
    assert torch.equal(slice_like(shared, (4, 2, 3, 3), segments)[-1], high[-1])
    assert torch.equal(enclosing([small]), small)


def test_widths_that_open_a_stage_show_shortcuts_and_skips() -> None:
    assert open_widths((16,), (16,)) == ((16, 16),)
    assert open_widths((8, 16), (24, 32)) == ((16, 32),)
    assert set(open_widths((8, 16), (8, 16))) == {(16, 16), (16, 8), (8, 16)}
