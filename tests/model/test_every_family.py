"""Weight sharing of every block family with each of its options, at widths that make shortcuts come and go."""

import itertools
import random
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
import yaml

from nas.blocks import Block, block_types
from nas.model.supernet import Supernet
from nas.space.space import SearchSpace, load_space
from tests.contracts.block_examples import field_names, legal_values, made

Fields = Mapping[str, tuple[Any, ...]]

# Values that are small for 16 pixels and 8 to 24 channels; other fields take every value of their type.
SMALL: Fields = {
    "kernel_size": (3, 5),
    "start_kernel_size": (0, 3),
    "cheap_kernel_size": (3, 5),
    "exp_ratio": (2.0, 3.5),
    "mlp_ratio": (1.0, 2.0),
    "bottle_ratio": (1.0, 2.0),
    "group_width": (4, 8),
    "num_heads": (1, 2),
    "head_dim": (8, 16),
    "kv_stride": (1, 2),
    "window_size": (0, 3),
    "act": ("relu", "silu", "hard_swish"),
}
# Fields that are only open beside another one; a kernel_size of ghost needs stride 2.
BESIDE: Mapping[str, Fields] = {"mobile_attention": {"kv_stride": (2, 4), "kernel_size": (3, 5)}}
STRIDED: Mapping[str, Fields] = {"ghost": {"kernel_size": (3, 5)}}
FAMILIES = pytest.mark.parametrize("family", block_types().values(), ids=block_types().keys())


def open_fields(family: type[Block]) -> Fields:
    """Return values of every field such that each combination is legal at every stride."""
    kept: dict[str, tuple[Any, ...]] = {}
    for name in field_names(family):
        values = SMALL.get(name) or legal_values(family, name)
        attempt = {**kept, name: values}
        if name not in ("out_chs", "stride") and all(made(family, f) for f in combinations(family, attempt)):
            kept = attempt
    return kept


def combinations(family: type[Block], fields: Fields) -> Iterator[dict[str, Any]]:
    strides = {"stride": (1, 2)} if family.reshapes else {}
    every = {"out_chs": (8, 24), **strides, **fields}
    return (dict(zip(every, values, strict=True)) for values in itertools.product(*every.values()))


def spaces(family: type[Block], folder) -> Iterator[SearchSpace]:
    """Yield spaces that between them open every field of the family."""
    yield space_of(family, open_fields(family), folder)
    if family.kind in BESIDE:
        yield space_of(family, BESIDE[family.kind], folder)
    if family.kind in STRIDED:
        yield space_of(family, STRIDED[family.kind], folder, depth=1, strides=(2, 2))


def space_of(family: type[Block], fields: Fields, folder, *, depth: Any = (1, 2), strides=(1, 2)) -> SearchSpace:
    block = {"kind": family.kind, **{name: list(values) for name, values in fields.items()}}
    blocks = [block, *([] if family.reshapes else [{"kind": "conv"}])]
    widths = ([8, 16], [16, 24])
    depths = [depth] if isinstance(depth, int) else list(depth)
    document = {
        "description": "every choice of one family",
        "name": "one",
        "resolution": 16,
        "stem": {"out_chs": [8, 16], "stride": 1},
        "stages": [
            {"depth": depths, "out_chs": out_chs, "stride": stride, "blocks": blocks}
            for out_chs, stride in zip(widths, strides, strict=True)
        ],
        "heads": [{"kind": "pool"}],
    }
    path = folder / "one.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_space(str(path)).for_classes(3)


@FAMILIES
def test_every_option_of_a_family_is_open(family: type[Block], tmp_path) -> None:
    opened = [
        f for s in spaces(family, tmp_path) for stage in s.stages for f in stage.families if f.kind == family.kind
    ]
    for name, hint in typing.get_type_hints(family).items():
        if name in field_names(family) and name not in ("out_chs", "stride"):
            values = {value for f in opened for value in f.fields[name]}
            assert len(values) >= 2, name
            assert hint is not bool or values == {False, True}, name


@FAMILIES
def test_a_subnet_gives_what_its_extracted_network_gives(family: type[Block], tmp_path) -> None:
    rng = random.Random(0)
    torch.manual_seed(0)
    for space in spaces(family, tmp_path):
        supernet = Supernet(space)
        with torch.no_grad():
            for parameter in supernet.parameters():  # blocks begin as the identity, which would hide them
                parameter.add_(torch.randn_like(parameter) * 0.1)
        for _ in range(8):
            architecture = space.sample(rng)
            x = torch.randn(2, 3, 16, 16)
            for training in (False, True):
                supernet.train(training)
                extracted = supernet.extract(architecture)
                with torch.no_grad():
                    assert torch.allclose(supernet(architecture, x), extracted(x), atol=1e-5), architecture
