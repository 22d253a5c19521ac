"""NASWOT: how differently the images of a batch switch the network's ReLUs (Mellor et al. 2021, arXiv:2006.04647)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.search.proxies.contract import ProxyBatch, finite

# Every activation that is close to zero on one side: where it passes counts as on.
SWITCHES = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU, nn.LeakyReLU)
_EXACT = 2**24  # whole numbers up to here are exact in single precision


def naswot(network: nn.Module, batch: ProxyBatch) -> float:
    """Return log |det K|, with K the (N, N) number of units on which two images agree."""
    count = len(batch.images)
    kernel = torch.zeros(count, count, dtype=torch.float64)

    def note(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        passes = (output > 0).flatten(1)
        units = passes.shape[1]
        on = passes.to(torch.float32 if units <= _EXACT else torch.float64)
        both, each = (on @ on.T).double(), passes.sum(1, dtype=torch.float64)
        # On in both or off in both: all, less those on in either, and those on in both were taken off twice.
        kernel.add_((units - each[:, None] - each[None, :] + 2 * both).cpu())

    handles = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, SWITCHES)]
    try:
        with torch.no_grad():
            network.train()(batch.images)
    finally:
        for handle in handles:
            handle.remove()
    return finite(torch.linalg.slogdet(kernel).logabsdet)
