"""Structured pruning: whole channels leave, with everything that depends on them in other layers.

Which layers depend on one another is found by torch-pruning (Fang 2023, arXiv 2301.12900), which follows the graph of
the network. It does not see through the reshaping of an attention, so the layers inside keep their widths, but for
heads that leave as wholes: of timm's attention with one joint projection, and of ours (`nas.compress.heads`).
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from nas.compress.heads import prune_heads
from nas.errors import NasError, UserError
from nas.silence import quiet

_ATTENTION = ("attention", "msa", "mla")
_OUTER = ("proj",)  # its outputs are channels of the network, its inputs are not


def prune(network: nn.Module, ratio: float, *, side: int, channel_multiple: int = 1) -> str:
    """Remove the least important channels of `network` in place; the classifier keeps its classes.

    The importance of a channel is the norm of all weights that leave with it, over the mean of its group.

    Args:
        network: folded, in eval mode, its weights open to training.
        ratio: share of the channels of every group to remove.
        side: of the image in pixels.
        channel_multiple: the widths that stay are the nearest multiples of it, and one multiple stays.

    Returns:
        What was done, in words.

    Raises:
        UserError: if torch-pruning is not installed.
        NasError: if the network cannot be pruned; it is then of no use any more.
    """
    tp = torch_pruning()
    example = torch.zeros(2, 3, side, side)
    classes = _classes(network, example)
    before = sum(p.numel() for p in network.parameters())
    heads = _attentions(network)
    count = sum(m.num_heads for m in heads)
    ours = prune_heads(network, ratio)
    with quiet():
        try:
            pruner = _pruner(tp)(
                network,
                example,
                importance=tp.importance.GroupMagnitudeImportance(p=2),
                pruning_ratio=ratio,
                ignored_layers=_kept(network, classes, heads),
                round_to=channel_multiple,
                num_heads={m.qkv: m.num_heads for m in heads},
                prune_num_heads=bool(heads),
                prune_head_dims=False,
                head_pruning_ratio=ratio,
            )
            pruner.step()
            for module in heads:
                _recount(module, pruner.num_heads[module.qkv])
            found = _classes(network, example)
        except Exception as error:  # the library runs the network's own code: any error may come out of it
            raise _unfit(network, str(error)) from error
    after = sum(p.numel() for p in network.parameters())
    if found != classes or after == before:
        raise _unfit(network, "nothing could be removed" if after == before else f"{found} outputs, not {classes}")
    removed = ours + count - sum(m.num_heads for m in heads)
    more = f", {removed} attention head{'s' if removed > 1 else ''}" if removed else ""
    return f"{100 * (1 - after / before):.0f} % of the weights removed{more}"


def _pruner(tp: ModuleType) -> Any:
    """Return the library's pruner with another rounding of widths.

    Its own goes down, and leaves layers whole that would round to nothing: a higher ratio then removed less.
    """

    class Nearest(tp.pruner.BasePruner):  # type: ignore[misc, name-defined]
        def _round_to(self, n_pruned: int, current_channels: int, round_to: int) -> int:
            nearest = int((current_channels - n_pruned) / round_to + 0.5) * round_to
            return current_channels - min(current_channels, max(round_to, nearest))

    return Nearest


def torch_pruning() -> ModuleType:
    """Import the library.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import torch_pruning
    except ImportError:
        raise UserError("step prune needs torch-pruning: pip install 'nas[compress]'") from None
    library: ModuleType = torch_pruning
    return library


def _attentions(network: nn.Module) -> list[Any]:
    """Return attention modules whose heads can be removed: one joint linear projection, as timm's have."""
    return [
        m
        for m in network.modules()
        if isinstance(getattr(m, "qkv", None), nn.Linear)
        and all(isinstance(getattr(m, name, None), int) for name in ("num_heads", "head_dim", "attn_dim"))
        and getattr(m, "gate", None) is None
        and not list(getattr(m, "norm", nn.Identity()).parameters())
        and not list(m.parameters(recurse=False))  # biases that belong to single heads
    ]


def _recount(attention: Any, num_heads: int) -> None:
    attention.num_heads = num_heads
    attention.attn_dim = attention.qkv.out_features // 3
    attention.head_dim = attention.attn_dim // num_heads


def _kept(network: nn.Module, classes: int, heads: list[Any]) -> list[nn.Module]:
    """Return the layers whose outputs stay as many: the classifier's and those inside of attentions."""
    layers = [m for m in network.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    kept: list[nn.Module] = [m for m in layers[-1:] if m.weight.shape[0] == classes]
    kept += [m for m in layers if isinstance(m, nn.Linear) and m.out_features == classes and m not in kept]
    for module in network.modules():
        if module in heads or not _is_attention(module):
            continue
        kept += [m for name, m in module.named_modules() if m in layers and not name.startswith(_OUTER)]
    return kept


def _is_attention(module: nn.Module) -> bool:
    name = type(module).__name__.lower()
    return isinstance(getattr(module, "num_heads", None), int) or any(word in name for word in _ATTENTION)


@torch.no_grad()
def _classes(network: nn.Module, example: Tensor) -> int:
    logits: Tensor = network.eval()(example)
    if not math.isfinite(float(logits.sum())):
        raise ValueError("the outputs are not finite")
    return int(logits.shape[1])


def _unfit(network: nn.Module, reason: str) -> NasError:
    line = next(iter(reason.splitlines()), "")[:200]
    return NasError(
        f"prune: the channels of this {type(network).__name__} cannot be removed ({line}); "
        "steps that fit any network: distill, lowrank, sparse, int8"
    )
