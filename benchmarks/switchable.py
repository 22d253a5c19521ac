"""A supernet with NASViT's switchable scales, for `benchmarks.ranking`."""

from __future__ import annotations

from torch import Tensor, nn, ones
from torch.func import functional_call

from nas.model.resizing import resized
from nas.model.supernet import Supernet, Weights
from nas.space.architecture import Architecture
from nas.space.space import SearchSpace


class SwitchableSupernet(Supernet):
    """Shared weights where what a block adds to its skip is scaled by numbers that few subnets share.

    NASViT (Gong et al. 2022, ICLR): one scale a channel, of its own for every width and depth of the stage. It is
    multiplied into the weights that end the block's branch, so that extracted networks are ordinary ones.

    Args:
        space: the search space.
        seed: seeds the initial weights; scales begin at 1.
    """

    def __init__(self, space: SearchSpace, *, seed: int = 0) -> None:
        super().__init__(space, seed=seed)
        self.scales = nn.ParameterDict(
            {
                _key(i, j, width, depth): nn.Parameter(ones(width))
                for i, stage in enumerate(space.stages)
                for depth in stage.depth
                for j in range(1, depth)  # a first block may change channels, and then has no skip
                for width in stage.out_chs
            }
        )

    def forward(self, architecture: Architecture, x: Tensor) -> Tensor:
        """Run one subnet: ``(N, 3, H, W) -> (N, num_classes)``; images are resized to its resolution."""
        x, weights = resized(x, architecture.resolution), self.weights(architecture)
        for part in self._parts_of(architecture):
            part.module.train(self.training)
            own = {weight.name: weights[part.prefix + weight.name] for weight in part.weights}
            x = functional_call(part.module, own, (x,), tie_weights=False)
        return x

    def weights(self, architecture: Architecture) -> Weights:
        """Return what the architecture's network uses, scaled, by its own names."""
        weights = super().weights(architecture)
        for i, stage in enumerate(architecture.stages):
            for j, block in enumerate(stage[1:], start=1):
                scale = self.scales[_key(i, j, block.out_chs, len(stage))]
                for exit_ in block.residual_exits:
                    for name in (f"blocks.{i}.{j}.{exit_}", f"blocks.{i}.{j}.{exit_.removesuffix('weight')}bias"):
                        if name in weights:
                            weights[name] = weights[name] * scale.view(-1, *[1] * (weights[name].ndim - 1))
        return weights


def _key(stage: int, position: int, width: int, depth: int) -> str:
    return f"{stage}_{position}_{width}_{depth}"
