"""Transformer encoder block on a feature map: Dosovitskiy et al. 2020, ViT, arXiv 2010.11929, figure 1.

Pre-norm attention and MLP as 1x1 convolutions, so that the map keeps its layout; position comes from a depthwise 3x3
convolution (conditional positional encoding, Chu et al. 2021, arXiv 2102.10882), or is left to the stem, as in ViT.

With a window, attention is sparse: each position attends to those in its own square of the map (Liu et al. 2021,
Swin, arXiv 2103.14030, without shifting; the depthwise convolutions carry information across).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from timm.layers import ConvMlp, LayerNorm2d, create_conv2d
from torch import Tensor, nn
from torch.nn import functional as F

from nas import schema
from nas.blocks import low_rank, parts
from nas.blocks.attention2d import MultiHeadAttention2d

MAX_WINDOW_SIZE = 32

Position = Literal["conv", "none"]

_MATRICES = ("attn.query", "attn.key", "attn.value", "attn.proj", "mlp.fc1", "mlp.fc2")


class TransformerBlock(nn.Module):
    """Positional encoding, attention and MLP, each with a skip: ``(N, C, H, W) -> (N, C, H, W)``.

    Args:
        chs: channels of input and output.
        num_heads: number of heads.
        head_dim: width of each head.
        mlp_chs: channels inside the MLP.
        act: activation of the MLP.
        window_size: side of the squares that attention is limited to; 0 for the whole map.
        position: whether a depthwise convolution tells positions apart.
        bias: give the projections of the attention biases.
    """

    def __init__(
        self,
        chs: int,
        *,
        num_heads: int,
        head_dim: int,
        mlp_chs: int,
        act: type[nn.Module],
        window_size: int = 0,
        position: Position = "conv",
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.window_size = window_size
        self.pos = create_conv2d(chs, chs, 3, depthwise=True, bias=True) if position == "conv" else None
        self.norm1 = LayerNorm2d(chs)
        self.attn = MultiHeadAttention2d(chs, chs, num_heads=num_heads, head_dim=head_dim, bias=bias)
        self.norm2 = LayerNorm2d(chs)
        self.mlp = ConvMlp(chs, mlp_chs, act_layer=act)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``x (N, C, H, W)``."""
        x = x if self.pos is None else x + self.pos(x)
        x = x + self._attend(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out

    def _attend(self, x: Tensor) -> Tensor:
        if not self.window_size:
            whole: Tensor = self.attn(x)
            return whole
        height, width = x.shape[2:]
        windows, rows = to_windows(x, self.window_size)
        return from_windows(self.attn(windows), x.shape[0], rows)[:, :, :height, :width]


def to_windows(x: Tensor, size: int) -> tuple[Tensor, int]:
    """Cut ``(N, C, H, W)`` into L squares ``(N * L, C, size, size)``; also return how many stand in a column.

    Below and right the map is padded with zeros to whole squares, as Swin does; padding takes part in the attention
    with zero keys and values.
    """
    n, chs, height, width = x.shape
    x = F.pad(x, (0, -width % size, 0, -height % size)) if height % size or width % size else x
    rows, columns = x.shape[2] // size, x.shape[3] // size
    x = x.reshape(n * chs * rows, size, columns, size).transpose(1, 2)  # (N * C * rows, columns, size, size)
    x = x.reshape(n, chs, rows * columns, size * size).transpose(1, 2)  # (N, L, C, size * size)
    return x.reshape(n * rows * columns, chs, size, size), rows


def from_windows(windows: Tensor, n: int, rows: int) -> Tensor:
    """Put the squares of `to_windows` together again: ``(N * L, C, size, size) -> (N, C, H, W)``."""
    count, chs, size, _ = windows.shape
    columns = count // n // rows
    x = windows.reshape(n, rows * columns, chs, size * size).transpose(1, 2)  # (N, C, L, size * size)
    x = x.reshape(n * chs * rows, columns, size, size).transpose(1, 2)  # (N * C * rows, size, columns, size)
    return x.reshape(n, chs, rows * size, columns * size)


@dataclass(frozen=True, slots=True)
class Transformer:
    """A transformer block; it keeps channels and resolution, so it cannot open a stage that changes them.

    Attributes:
        window_size: side of the squares that attention is limited to; 0 for the whole map. A map is padded to whole
            squares, so a window that divides it wastes nothing.
        position: ``conv`` adds a depthwise convolution before the attention, ``none`` nothing.
        bias: give the projections of the attention biases.
        rank: of the projections and the layers of the MLP, as a share of their smaller number of channels; 1 leaves
            them whole.
    """

    kind: ClassVar[str] = "transformer"
    reshapes: ClassVar[bool] = False

    out_chs: int
    num_heads: int = 4
    head_dim: int = 16
    mlp_ratio: float = 2.0
    act: parts.Act = "gelu"
    window_size: int = 0
    position: Position = schema.later("conv")
    bias: bool = schema.later(False)
    rank: float = schema.later(1.0)

    def __post_init__(self) -> None:
        parts.require(self.out_chs >= 1, f"out_chs must be at least 1, got {self.out_chs}")
        parts.require_heads(self.num_heads, self.head_dim)
        parts.require_ratio(self.mlp_ratio, "mlp_ratio")
        # A window of one position attends to nothing but itself.
        legal = self.window_size == 0 or 2 <= self.window_size <= MAX_WINDOW_SIZE
        parts.require(legal, f"window_size must be 0 or 2 to {MAX_WINDOW_SIZE}, got {self.window_size}")
        low_rank.require_rank(self.rank)

    @property
    def stride(self) -> int:
        """A transformer block keeps height and width."""
        return 1

    @property
    def takes_tokens(self) -> bool:
        """Whether it makes sense on a sequence, which has neither neighbours above and below nor windows."""
        return self.position == "none" and self.window_size == 0

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The last projections of attention and MLP."""
        second = "" if self.rank == 1 else "1."
        return (f"attn.proj.{second}weight", f"mlp.fc2.{second}weight")

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, out_chs, H, W) -> (N, out_chs, H, W)``.

        Raises:
            ValueError: if `in_chs` is not `out_chs`.
        """
        parts.require(in_chs == self.out_chs, f"a transformer block keeps its {in_chs} channels, not {self.out_chs}")
        block = TransformerBlock(
            in_chs,
            num_heads=self.num_heads,
            head_dim=self.head_dim,
            mlp_chs=round(in_chs * self.mlp_ratio),
            act=parts.act_layer(self.act),
            window_size=self.window_size,
            position=self.position,
            bias=self.bias,
        )
        return low_rank.factorize(block, _MATRICES, self.rank)


BLOCK = Transformer
