"""Mobile attention block: Qin et al. 2024, MobileNetV4, arXiv 2404.10518, section 4.

Multi-query attention (Shazeer 2019, arXiv 1911.02150: all heads share one key and one value) comes from timm;
multi-head attention is ours, because timm's packs query, key and value into one five-dimensional tensor, which
several exporters refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models._efficientnet_blocks import MobileAttention as TimmMobileAttention
from torch import nn

from nas.blocks import parts
from nas.blocks.attention2d import MultiHeadAttention2d


@dataclass(frozen=True, slots=True)
class MobileAttention:
    """Batch norm, attention over all positions, optional layer scale, skip."""

    kind: ClassVar[str] = "mobile_attention"
    reshapes: ClassVar[bool] = False

    out_chs: int
    num_heads: int = 4
    head_dim: int = 16
    kv_stride: int = 1
    kernel_size: int = 3
    multi_query: bool = False
    layer_scale: bool = False

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, 1, self.kernel_size)
        parts.require_heads(self.num_heads, self.head_dim)
        parts.require(self.kv_stride in (1, 2, 4), f"kv_stride must be 1, 2 or 4, got {self.kv_stride}")
        # The window only exists in the shrinking convolution: equal networks must be equal descriptions.
        parts.require(self.kv_stride > 1 or self.kernel_size == 3, "kernel_size other than 3 needs kv_stride > 1")

    @property
    def stride(self) -> int:
        """Attention keeps height and width."""
        return 1

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The last projection; a layer scale starts near zero by itself."""
        if self.layer_scale:
            return ()
        return ("attn.output.proj.weight",) if self.multi_query else ("attn.proj.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H, W)``."""
        block: nn.Module = TimmMobileAttention(
            in_chs,
            self.out_chs,
            dw_kernel_size=self.kernel_size,
            num_heads=self.num_heads if self.multi_query else 1,
            key_dim=self.head_dim,
            value_dim=self.head_dim,
            use_multi_query=True,
            kv_stride=self.kv_stride,
            layer_scale_init_value=parts.LAYER_SCALE_INIT if self.layer_scale else None,
        )
        if not self.multi_query:
            block.attn = MultiHeadAttention2d(
                in_chs,
                self.out_chs,
                num_heads=self.num_heads,
                head_dim=self.head_dim,
                kv_stride=self.kv_stride,
                kernel_size=self.kernel_size,
            )
        return block


BLOCK = MobileAttention
