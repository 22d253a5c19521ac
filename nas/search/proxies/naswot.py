"""NASWOT: how differently the images of a batch switch the network's ReLUs (Mellor et al. 2021, arXiv:2006.04647)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.search.proxies.contract import ProxyBatch, finite

# Every activation that is close to zero on one side: where it passes counts as on.
SWITCHES = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU, nn.LeakyReLU)


def naswot(network: nn.Module, batch: ProxyBatch) -> float:
    """Return log |det K|, with K the (N, N) number of units on which two images agree."""
    count = len(batch.images)
    kernel = torch.zeros(count, count, dtype=torch.float64)

    def note(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        on = (output > 0).flatten(1).double()
        kernel.add_((on @ on.T + (1 - on) @ (1 - on).T).cpu())

    handles = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, SWITCHES)]
    try:
        with torch.no_grad():
            network.train()(batch.images)
    finally:
        for handle in handles:
            handle.remove()
    return finite(torch.linalg.slogdet(kernel).logabsdet)
