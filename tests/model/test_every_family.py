"""Weight sharing in a space that has every block family, at widths that make shortcuts come and go."""

import random

import pytest
import torch
import yaml

from nas.blocks import Block, block_types
from nas.model.supernet import Supernet
from nas.space.space import SearchSpace, load_space

CHOICES = {
    "kernel_size": [3, 5],
    "start_kernel_size": [0, 3],
    "cheap_kernel_size": [3, 5],
    "exp_ratio": [2, 3.5],
    "mlp_ratio": [1, 2],
    "bottle_ratio": [1, 2],
    "group_width": [4, 8],
    "num_heads": [1, 2],
    "head_dim": [8],
    "window_size": [0, 3],
    "norm": {"convnext": ["layer", "batch"], "pooling_mixer": ["batch", "group"]},
    "se": {"mbconv": ["none", "mobilenetv3"], "ghost": [False, True], "group_bottleneck": [False, True]},
}

FIXED = {("mobile_attention", "kernel_size"), ("ghost", "kernel_size")}  # need strides that not every block has


def choices(family: type[Block]) -> dict[str, object]:
    found: dict[str, object] = {"kind": family.kind}
    for name, values in CHOICES.items():
        legal = values.get(family.kind) if isinstance(values, dict) else values
        if legal and name in family.__dataclass_fields__ and (family.kind, name) not in FIXED:
            found[name] = legal
    return found


def space_of(family: type[Block], folder) -> SearchSpace:
    blocks = [choices(family), *([] if family.reshapes else [{"kind": "conv"}])]
    document = {
        "description": "every choice of one family",
        "name": "one",
        "resolution": 16,
        "stem": {"out_chs": [8, 16], "stride": 1},
        "stages": [
            {"depth": [1, 2], "out_chs": [8, 16], "stride": 1, "blocks": blocks},
            {"depth": [1, 2], "out_chs": [16, 24], "stride": 2, "blocks": blocks},
        ],
        "heads": [{"kind": "pool"}],
    }
    path = folder / "one.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_space(str(path)).for_classes(3)


@pytest.mark.parametrize("family", block_types().values(), ids=block_types().keys())
def test_a_subnet_gives_what_its_extracted_network_gives(family: type[Block], tmp_path) -> None:
    supernet, rng = Supernet(space_of(family, tmp_path)), random.Random(0)
    with torch.no_grad():
        for parameter in supernet.parameters():  # blocks begin as the identity, which would hide them
            parameter.add_(torch.randn_like(parameter) * 0.1)
    for _ in range(8):
        architecture = supernet.space.sample(rng)
        x = torch.randn(2, 3, 16, 16)
        for training in (False, True):
            supernet.train(training)
            extracted = supernet.extract(architecture)
            with torch.no_grad():
                assert torch.allclose(supernet(architecture, x), extracted(x), atol=1e-5), architecture
