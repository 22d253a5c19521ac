"""Rules of engines: what each field does to the kernels of small networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.cost.kernels import fuse, fuse_part
from nas.cost.rules import FOLDER, BlockedLayout, FusionRules, load_rules, resolve
from nas.cost.trace import trace_module
from nas.errors import UserError
from nas.resources import shipped_names

CONV_BN_RELU = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())


def ops(module: nn.Module, rules: FusionRules, shape: tuple[int, int, int] = (16, 8, 8)) -> list[tuple[str, ...]]:
    return [kernel.ops for kernel in fuse(trace_module(module, shape), rules)]


class Residual(nn.Module):
    def __init__(self, *, first: nn.Module) -> None:
        super().__init__()
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + x


def test_after_tells_what_may_follow_what() -> None:
    rules = FusionRules({"conv2d": ("relu", "add")}, after={"add": ("conv2d",)})
    assert ops(Residual(first=nn.Conv2d(16, 16, 1)), rules) == [("conv2d", "add")]
    activated = nn.Sequential(nn.Conv2d(16, 16, 1), nn.ReLU())
    assert ops(Residual(first=activated), rules) == [("conv2d", "relu"), ("add",)]


def test_a_scale_by_channels_is_no_product_of_maps() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.gamma = nn.Conv2d(16, 16, 1), nn.Parameter(torch.ones(16, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) * self.gamma

    assert ops(Scaled(), FusionRules({"conv2d": ("scale",)})) == [("conv2d", "scale")]
    assert ops(Scaled(), FusionRules({"conv2d": ("mul",)})) == [("conv2d",), ("scale",)]


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2).unsqueeze(1)
        return F.scaled_dot_product_attention(tokens, tokens, tokens)


def test_attention_is_one_kernel_or_several_with_the_same_work() -> None:
    whole = fuse(trace_module(Attention(), (16, 4, 4)), FusionRules())
    parts = fuse(
        trace_module(Attention(), (16, 4, 4)), FusionRules(expand={"attention": ("matmul", "softmax", "matmul")})
    )
    assert [k.kind for k in parts] == ["copy", "matmul", "softmax", "matmul"]
    assert sum(k.macs for k in parts) == sum(k.macs for k in whole)
    assert parts[1].output_shape == (1, 1, 16, 16)


def test_layer_norm_can_be_a_chain_with_one_number_a_row() -> None:
    rules = FusionRules(expand={"layer_norm": ("mean@rows", "sub", "mul")})
    kernels = fuse(trace_module(nn.LayerNorm(8), (1, 4, 8)), rules)
    assert [k.ops for k in kernels] == [("mean",), ("sub",), ("mul",)]
    assert [k.write_elements for k in kernels] == [4, 32, 32]


class Unread(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        torch.sigmoid(x)
        return torch.relu(x)


def test_what_nothing_reads_is_dropped_where_the_engine_drops_it() -> None:
    assert ops(Unread(), FusionRules()) == [("sigmoid",), ("relu",)]
    assert ops(Unread(), FusionRules(drop=("unread",))) == [("relu",)]


class Zeroed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + torch.sigmoid(x) * 0.0) * 1.0


def test_zeros_and_identities_are_dropped_where_the_engine_drops_them() -> None:
    assert ops(Zeroed(), FusionRules()) == [("sigmoid",), ("scale",), ("add",), ("relu",), ("scale",)]
    assert ops(Zeroed(), FusionRules(drop=("zeros", "identities", "unread"))) == [("relu",)]


class Joined(nn.Module):
    """Concatenates the input, a map that only the concatenation reads, and one that something else reads too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(16, 8, 1), nn.Conv2d(16, 24, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        own, shared = self.first(x), self.second(x)
        return torch.relu(torch.cat([x, own, shared], 1)), shared + 1


class Fire(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(16, 8, 1), nn.Conv2d(16, 24, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(torch.cat([self.first(x), self.second(x).relu()], 1))


def test_what_only_a_concatenation_reads_is_written_in_place() -> None:
    rules = FusionRules({"conv2d": ("relu",)}, in_place=("cat",))
    assert ops(Fire(), FusionRules({"conv2d": ("relu",)})) == [("conv2d",), ("conv2d", "relu"), ("cat",), ("relu",)]
    assert ops(Fire(), rules) == [("conv2d",), ("conv2d", "relu"), ("relu",)]


def test_of_a_concatenation_only_what_is_read_elsewhere_is_copied() -> None:
    copies = [k for k in fuse(trace_module(Joined(), (16, 4, 4)), FusionRules(in_place=("cat",))) if k.ops == ("cat",)]
    assert [k.read_elements for k in copies] == [(16 + 24) * 16]
    assert copies[0].output_shape == (1, 40, 4, 4)


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return first + second


def test_slices_that_take_a_map_apart_are_one_split() -> None:
    assert ops(Halves(), FusionRules()) == [("slice",), ("slice",), ("add",)]
    assert ops(Halves(), FusionRules(split=True)) == [("split",), ("add",)]


def test_uneven_padding_is_a_kernel() -> None:
    rules = FusionRules(explicit_padding=True)
    assert ops(nn.Conv2d(16, 16, 3, stride=2, padding=1), rules) == [("pad",), ("conv2d",)]
    assert ops(nn.Conv2d(16, 16, 3, padding=1), rules) == [("conv2d",)]
    assert ops(nn.Conv2d(16, 16, 3, stride=2, padding=1), rules, (16, 9, 9)) == [("conv2d",)]


BLOCKS = FusionRules({"conv2d": ("batch_norm", "relu")}, blocked=BlockedLayout(16, 4, keeps=("batch_norm", "relu")))


def test_a_map_is_reordered_once_for_each_layout_it_is_read_in() -> None:
    image_first = ops(CONV_BN_RELU, BLOCKS)
    assert image_first == [("reorder",), ("conv2d", "batch_norm", "relu")]
    pooled = nn.Sequential(nn.Conv2d(3, 16, 3), nn.AdaptiveAvgPool2d(1))
    assert ops(pooled, BLOCKS, (3, 8, 8)) == [("conv2d",), ("reorder",), ("adaptive_avg_pool",)]


def test_a_part_says_in_which_layout_it_leaves_its_map() -> None:
    trace = trace_module(CONV_BN_RELU, (16, 8, 8))
    kernels, exit_layout = fuse_part(trace, BLOCKS, "blocked")
    assert [k.ops for k in kernels] == [("conv2d", "batch_norm", "relu")]
    assert exit_layout == "blocked"
    assert fuse_part(trace_module(nn.Softmax(1), (16, 8, 8)), BLOCKS, "blocked")[1] == "plain"


@pytest.mark.parametrize("engine", shipped_names(FOLDER))
def test_shipped_rules_load_and_fold_norms_into_convolutions(engine: str) -> None:
    rules = load_rules(engine)
    assert rules.source
    assert ops(CONV_BN_RELU, rules)[-1] == ("conv2d", "batch_norm", "relu")


def test_an_engine_alone_stands_for_its_rules() -> None:
    assert resolve(FusionRules(engine="ncnn")) == load_rules("ncnn")
    assert resolve(FusionRules()) == FusionRules()
    with pytest.raises(UserError, match="tensorrt"):
        resolve(FusionRules(engine="tensort"))
