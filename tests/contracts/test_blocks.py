"""What every block family keeps to; families are found by themselves."""

import dataclasses
import random
import typing

import pytest
import torch
from torch.func import functional_call

from nas.blocks import Block, block_types
from nas.cost.cost import CostModel, trace_part
from nas.errors import UserError
from nas.export import ModelFacts, export_module
from nas.model.folding import folded
from nas.model.largest import extremes
from nas.model.network import build as build_network
from nas.model.network import count_params
from nas.model.slicing import enclosing, packed_weights, slice_like
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem
from tests.contracts.block_examples import (
    GROWING,
    IN_CHS,
    SIZE,
    base_fields,
    build,
    examples,
    field_names,
    input_chs,
    legal_values,
    made,
)
from tests.cost.fvcore_counts import fvcore_macs

FAMILIES = pytest.mark.parametrize("family", block_types().values(), ids=block_types().keys())
QUICK_FORMAT_FAMILY = "mobile_attention"


def with_block(block: Block, *, resolution: int = SIZE) -> Architecture:
    """Return a network whose only block is `block`."""
    stem = Stem(input_chs(block), stride=1, act="relu")
    return Architecture(resolution, 5, stem, ((block,),), Head())


@FAMILIES
def test_a_family_is_frozen_hashable_data_named_after_itself(family: type[Block]) -> None:
    block = family(**base_fields())
    assert block_types()[block.kind] is family
    assert {block: 1}[family(**base_fields())] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        block.out_chs = 32  # type: ignore[misc]


@FAMILIES
def test_the_output_has_the_described_shape(family: type[Block]) -> None:
    for block in examples(family):
        for height, width in ((SIZE, SIZE), (7, 9)):
            x = torch.randn(2, input_chs(block), height, width)
            with torch.no_grad():
                out = build(block)(x)
            assert out.shape == (2, block.out_chs, -(-height // block.stride), -(-width // block.stride)), block
            assert out.isfinite().all(), block


@FAMILIES
def test_it_takes_other_input_channels_if_it_says_so(family: type[Block]) -> None:
    block = family(**base_fields())
    for in_chs in (3, 8, 24) if block.reshapes else ():
        with torch.no_grad():
            out = block.build(in_chs).eval()(torch.randn(1, in_chs, SIZE, SIZE))
        assert out.shape[1] == block.out_chs


@FAMILIES
def test_nothing_of_it_is_left_uncounted(family: type[Block]) -> None:
    for block in examples(family):
        trace = trace_part(block, (input_chs(block), SIZE, SIZE))
        assert trace.uncovered == (), block
        assert trace.params == count_params(folded(build(block))), block
        assert trace.macs > 0, block


@FAMILIES
def test_its_macs_are_those_of_fvcore(family: type[Block]) -> None:
    for block in examples(family)[::3]:
        shape = (input_chs(block), SIZE, SIZE)
        assert trace_part(block, shape).macs == fvcore_macs(folded(build(block)), shape), block


@FAMILIES
def test_a_field_that_changes_nothing_is_refused(family: type[Block]) -> None:
    seen: dict[object, Block] = {}
    for block in examples(family, draws=0):
        trace = trace_part(block, (input_chs(block), SIZE, SIZE))
        other = seen.setdefault((block.stride, trace.params, trace.ops), block)
        if other != block:  # the window of a pooling is not traced
            one, two = build(other), build(block)
            two.load_state_dict(one.state_dict())
            x = torch.randn(1, input_chs(block), SIZE, SIZE)
            with torch.no_grad():
                assert not torch.equal(one(x), two(x)), (other, block)


@FAMILIES
def test_no_tensor_has_more_than_four_dimensions(family: type[Block]) -> None:
    for block in examples(family):
        for op in trace_part(block, (input_chs(block), SIZE, SIZE)).ops:
            assert all(len(shape) <= 4 for shape in (*op.input_shapes, op.output_shape)), (block, op.name)


@FAMILIES
def test_more_of_anything_never_costs_less(family: type[Block]) -> None:
    for block in examples(family)[::4]:
        fields = {name: getattr(block, name) for name in field_names(family)}
        for grown in (name for name in GROWING if name in fields):
            # What cannot change the number of channels would change its input too: that is "wider" as well.
            # Where output and input are equally wide, a shortcut may need no convolution, which does cost less.
            unequal = {0, IN_CHS} if grown == "out_chs" and block.reshapes else {0}
            values = sorted(v for v in legal_values(family, grown, fields) if v not in unequal)
            blocks = [family(**{**fields, grown: v}) for v in values]
            traces = [trace_part(b, (input_chs(b), SIZE, SIZE)) for b in blocks]
            for costs in ([t.macs for t in traces], [t.params for t in traces]):
                assert costs == sorted(costs), (block, grown, costs)


@FAMILIES
def test_one_block_more_costs_more(family: type[Block]) -> None:
    block, costs = family(**base_fields()), CostModel()
    once = with_block(block)
    twice = dataclasses.replace(once, stages=((block, block),))
    assert costs.cost(twice).macs > costs.cost(once).macs
    assert costs.cost(twice).params > costs.cost(once).params


@FAMILIES
def test_its_description_survives_json(family: type[Block]) -> None:
    for block in examples(family):
        architecture = with_block(block)
        again = Architecture.from_json(architecture.to_json())
        assert again == architecture
        assert again.digest == architecture.digest


@FAMILIES
def test_equal_descriptions_are_equal_networks_and_different_ones_differ(family: type[Block]) -> None:
    architectures = [with_block(block) for block in examples(family)]
    canonical = {architecture.stages for architecture in architectures}
    assert len({architecture.digest for architecture in architectures}) == len(canonical)
    # What is not canonical is another description of a network that has one.
    assert all(with_block(architecture.stages[0][0]) == architecture for architecture in architectures)


@FAMILIES
def test_smaller_ones_are_slices_of_the_largest(family: type[Block]) -> None:
    choices = {name: legal_values(family, name) for name in field_names(family)}
    choices["out_chs"] = (8, IN_CHS)
    packed = packed_weights(family)
    held: dict[str, list[torch.Tensor]] = {}
    for block in filter(None, (made(family, fields) for fields in extremes(choices))):
        for in_chs in (IN_CHS, 8) if block.reshapes else (block.out_chs,):
            for name, tensor in block.build(in_chs).state_dict().items():
                held.setdefault(name, []).append(tensor if tensor.ndim == 0 else torch.rand_like(tensor) + 0.1)
    shared = {name: enclosing(tensors, packed.get(name, ())) for name, tensors in held.items()}
    rng, seen = random.Random(0), 0
    for _ in range(24):
        smaller = made(family, {name: rng.choice(values) for name, values in choices.items()})
        if smaller is None:
            continue
        seen += 1
        in_chs = rng.choice((8, IN_CHS)) if smaller.reshapes else smaller.out_chs
        plain = smaller.build(in_chs).eval()
        slices = {
            name: slice_like(shared[name], tuple(t.shape), packed.get(name, ()))
            for name, t in plain.state_dict().items()
        }
        assert all(t.all() for name, t in slices.items() if t.ndim), smaller  # nothing that no larger one holds
        with torch.device("meta"):
            weightless = smaller.build(in_chs).eval()
        plain.load_state_dict(slices)
        x = torch.randn(2, in_chs, SIZE, SIZE)
        with torch.no_grad():
            assert torch.allclose(functional_call(weightless, slices, (x,)), plain(x), rtol=1e-4, atol=1e-4), smaller
    assert seen >= 3


@FAMILIES
def test_it_learns(family: type[Block]) -> None:
    for block in examples(family, draws=2):
        module = block.build(input_chs(block)).train()
        module(torch.randn(2, input_chs(block), SIZE, SIZE)).square().mean().backward()
        without = [name for name, p in module.named_parameters() if p.grad is None]
        assert without == [], block


@FAMILIES
def test_impossible_numbers_are_refused_by_name(family: type[Block]) -> None:
    hints = typing.get_type_hints(family)
    for name in field_names(family):
        if hints[name] in (int, float):
            with pytest.raises(ValueError, match=rf"(?s){name}.*-1"):
                family(**{**base_fields(), name: -1})


@FAMILIES
def test_wrong_fields_of_a_file_are_reported_with_their_place(family: type[Block]) -> None:
    data = with_block(family(**base_fields())).to_dict()
    data["stages"][0][0] |= {"out_chs": "many", "kernel_sizes": 3}
    with pytest.raises(UserError, match=r"\$\.stages\[0\]\[0\]\.out_chs: expected a whole number") as caught:
        Architecture.from_dict(data)
    assert "$.stages[0][0].kernel_sizes: unknown key" in str(caught.value)


def check_format(family: type[Block], folder, blocks: list[Block]) -> None:
    for number, block in enumerate(blocks):
        architecture = with_block(block)
        network = build_network(architecture, seed=0).eval()
        images = torch.randn(8, 3, SIZE, SIZE)
        found = export_module(
            network, "onnx", folder, facts=ModelFacts(SIZE), images=images, name=f"{family.kind}{number}"
        )
        assert found.passed


def test_one_family_is_exported_quickly(tmp_path) -> None:
    family = block_types()[QUICK_FORMAT_FAMILY]
    check_format(family, tmp_path, [family(**base_fields())])


@pytest.mark.slow
@FAMILIES
def test_it_is_exported_and_runs_in_onnx_runtime(family: type[Block], tmp_path) -> None:
    flags = [examples(family, draws=0)[0], *examples(family, draws=3, seed=1)[-2:]]
    norms = legal_values(family, "norm") if "norm" in field_names(family) else ()
    booleans = [name for name, hint in typing.get_type_hints(family).items() if hint is bool]
    flags += [family(**{**base_fields(), name: True}) for name in booleans]
    flags += [family(**{**base_fields(), "norm": norm}) for norm in norms]
    check_format(family, tmp_path, list(dict.fromkeys(flags)))
