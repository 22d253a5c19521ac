"""What block families and the ends of networks share: timm's small parts, and checks of their fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from timm.layers import LayerNorm2d, create_conv2d, get_act_layer, get_norm_act_layer
from timm.models._efficientnet_blocks import SqueezeExcite
from timm.models._efficientnet_builder import efficientnet_init_weights, round_channels
from torch import nn

Act = Literal["relu", "relu6", "hard_swish", "silu", "gelu"]
Se = Literal["none", "mobilenetv3", "efficientnet"]
Norm = Literal["batch", "layer"]

SE_RATIO = 0.25
LAYER_SCALE_INIT = 1e-5


def act_layer(act: Act) -> type[nn.Module]:
    """Return the activation's module class."""
    layer: type[nn.Module] = get_act_layer(act)
    return layer


def se_layer(se: Se, *, exp_ratio: float = 1.0) -> Callable[..., nn.Module] | None:
    """Return the maker of a squeeze-and-excitation module (arXiv 1709.01507), or None.

    ``mobilenetv3`` squeezes the expanded channels to a quarter, rounded to multiples of 8, with ReLU and a hard
    sigmoid gate (arXiv 1905.02244); ``efficientnet`` squeezes to a quarter of the block's input channels, with the
    block's activation and a sigmoid gate (arXiv 1905.11946).
    """
    if se == "mobilenetv3":
        return partial(
            SqueezeExcite,
            rd_ratio=SE_RATIO,
            gate_layer="hard_sigmoid",
            force_act_layer=nn.ReLU,
            rd_round_fn=round_channels,
        )
    if se == "efficientnet":
        return partial(SqueezeExcite, rd_ratio=SE_RATIO / exp_ratio)
    return None


def conv2d(in_chs: int, out_chs: int, kernel_size: int, *, stride: int = 1, bias: bool = False) -> nn.Module:
    """Make a convolution with symmetric padding."""
    conv: nn.Module = create_conv2d(in_chs, out_chs, kernel_size, stride=stride, bias=bias)
    return conv


def norm_layer(norm: Norm) -> type[nn.Module]:
    """Return the norm's module class; the layer norm is over the channels of a map, position by position."""
    layer: type[nn.Module] = LayerNorm2d if norm == "layer" else nn.BatchNorm2d
    return layer


def norm_act(chs: int, act: Act, norm: Norm = "batch") -> nn.Module:
    """Make timm's norm with activation (one module, so that its names are timm's)."""
    layer: nn.Module = get_norm_act_layer(norm_layer(norm), act_layer(act))(chs, inplace=True)
    return layer


def layer_norm(chs: int) -> nn.Module:
    """Make the layer norm of a map over its channels, position by position."""
    layer: nn.Module = LayerNorm2d(chs)
    return layer


def init_weights(module: nn.Module) -> None:
    """Draw the initial weights of a network as timm draws those of the EfficientNet family."""
    efficientnet_init_weights(module)


def require(condition: bool, message: str) -> None:
    """Refuse a block whose fields make no network.

    Raises:
        ValueError: with `message`, unless `condition` holds.
    """
    if not condition:
        raise ValueError(message)


def require_conv(out_chs: int, stride: int, kernel_size: int) -> None:
    """Check the fields that every convolutional block has."""
    require(out_chs >= 1, f"out_chs must be at least 1, got {out_chs}")
    require(stride in (1, 2), f"stride must be 1 or 2, got {stride}")
    require_kernel_size(kernel_size, "kernel_size")


def require_kernel_size(kernel_size: int, field: str) -> None:
    """Check the window of a convolution, called `field` in the message."""
    require(kernel_size % 2 == 1 and 1 <= kernel_size <= 13, f"{field} must be odd, 1 to 13, got {kernel_size}")


def require_ratio(ratio: float, field: str) -> None:
    """Check by how much a block widens inside, called `field` in the message."""
    require(0 < ratio <= 16, f"{field} must be in (0, 16], got {ratio}")


def require_heads(num_heads: int, head_dim: int) -> None:
    """Check the fields that every attention has."""
    require(num_heads >= 1, f"num_heads must be at least 1, got {num_heads}")
    require(head_dim >= 1, f"head_dim must be at least 1, got {head_dim}")
