"""Several processes that train one network together: each computes its share of a batch, gradients are averaged.

Batch norms see their own process's share, as with PyTorch's DistributedDataParallel; networks without batch norm are
trained exactly, to rounding, as by one process. Gradients that a step did not touch are untouched in all processes,
because all run the same subnets; what there is crosses as one tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nas.errors import UserError


@dataclass(frozen=True, slots=True)
class Group:
    """One process among those that train together; by default the only one.

    Attributes:
        rank: its number, from 0. The first one keeps checkpoints and reports.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch, one after another and nearly equal.

        Raises:
            UserError: if a batch has fewer than two images for each process (batch norm needs two).
        """
        if self.size > 1 and len(batch) < 2 * self.size:
            raise UserError(f"a batch of {len(batch)} images is too small for {self.size} training processes")
        return batch.tensor_split(self.size)[self.rank]

    def equalise(self, module: nn.Module) -> None:
        """Give all processes the first one's weights and statistics."""
        if self.size > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor.detach(), src=0)

    def average(self, module: nn.Module, share: float) -> None:
        """Replace gradients by those of the whole batch, of which this process had `share` (from 0 to 1)."""
        if self.size == 1:
            return
        grads = [p.grad for p in module.parameters() if p.grad is not None]
        together = torch.cat([grad.flatten() for grad in grads]).mul_(share)
        dist.all_reduce(together)
        for grad, mean in zip(grads, together.split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(mean.view_as(grad))

    def mean(self, metrics: Mapping[str, float], share: float) -> Mapping[str, float]:
        """Return the metrics of the whole batch."""
        if self.size == 1:
            return metrics
        values = torch.tensor(list(metrics.values()), dtype=torch.float64) * share
        dist.all_reduce(values)
        return dict(zip(metrics, values.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Say whether the flag is set in any process."""
        return self.largest(int(flag)) > 0

    def largest(self, number: int) -> int:
        """Return the largest of the processes' numbers."""
        if self.size == 1:
            return number
        numbers = torch.tensor(number)
        dist.all_reduce(numbers, op=dist.ReduceOp.MAX)
        return int(numbers)


ALONE = Group()
