"""A supernet: one set of weights that every architecture of a space uses a slice of.

There are no elastic layers and nothing is "active": a subnet is the plain network of its architecture, run by
`torch.func.functional_call` on slices of the shared weights. For every place a block may stand at, and every family
that may stand there, the shared weights are those of the largest block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nas.blocks import Block, parts
from nas.model.largest import LargestPart, largest_parts
from nas.model.network import assemble, sequence
from nas.model.resizing import resized
from nas.model.slicing import Segments, enclosing, packed_weights, paste, slice_like
from nas.space.architecture import Architecture
from nas.space.ends import STEM_MODULES
from nas.space.space import SearchSpace

Weights = dict[str, Tensor]


class Supernet(nn.Module):
    """Shared weights for every architecture of a space.

    Args:
        space: the search space.
        seed: seeds the initial weights.
    """

    def __init__(self, space: SearchSpace, *, seed: int = 0) -> None:
        super().__init__()
        self.space = space
        self._weightless: dict[object, nn.Module] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for part in largest_parts(space):
                _register_largest(self, part)

    def forward(self, architecture: Architecture, x: Tensor) -> Tensor:
        """Run one subnet: ``(N, 3, H, W) -> (N, num_classes)``; images are resized to its resolution."""
        network = self._skeleton(architecture).train(self.training)
        images = resized(x, architecture.resolution)
        logits: Tensor = functional_call(network, self._slices(architecture, network), (images,))
        return logits

    def weights(self, architecture: Architecture) -> Weights:
        """Return the views of the shared weights that the architecture's network uses, by its own names."""
        return self._slices(architecture, self._skeleton(architecture))

    def assign(self, architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
        """Set some of the shared weights that an architecture uses, given by its network's names and shapes."""
        shared = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        with torch.no_grad():
            for name, tensor in weights.items():
                place, segments = _place(architecture, name)
                paste(shared[place], tensor, segments)

    def extract(self, architecture: Architecture) -> nn.Sequential:
        """Copy a subnet into an ordinary network with the same outputs."""
        with torch.device("meta"):
            network = assemble(architecture)
        weights = {name: w.detach().clone().contiguous() for name, w in self.weights(architecture).items()}
        network.load_state_dict(weights, assign=True)
        return network.requires_grad_(True).train(self.training)

    def _slices(self, architecture: Architecture, network: nn.Module) -> Weights:
        shared = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        weights: Weights = {}
        for name, tensor in network.state_dict(keep_vars=True).items():
            place, segments = _place(architecture, name)
            weights[name] = slice_like(shared[place], tuple(tensor.shape), segments)
        return weights

    def _skeleton(self, architecture: Architecture) -> nn.Sequential:
        """Assemble the network without weights; its blocks are made once per place and description."""
        made: Iterator[nn.Module] = iter([self._block(*place) for place in architecture.blocks()])
        stages = [nn.Sequential(*(next(made) for _ in stage)) for stage in architecture.stages]
        with torch.device("meta"):
            return sequence(architecture, nn.Sequential(*stages))

    def _block(self, path: str, in_chs: int, block: Block) -> nn.Module:
        key = (path, in_chs, block)
        if key not in self._weightless:
            with torch.device("meta"):
                self._weightless[key] = block.build(in_chs)
        return self._weightless[key]


def _place(architecture: Architecture, name: str) -> tuple[str, Segments]:
    """Return where the weights called `name` in a network lie, and how they are packed.

    Families and kinds of head have their own.
    """
    first, *rest = name.split(".", 3)
    if first == "blocks":
        i, j, own = rest
        block = architecture.stages[int(i)][int(j)]
        return f"blocks.{i}.{j}.{block.kind}.{own}", packed_weights(block).get(own, ())
    return f"stem.{name}" if first in STEM_MODULES else f"heads.{architecture.head.kind}.{name}", ()


def _register_largest(root: nn.Module, part: LargestPart) -> None:
    """Register the largest tensor of each name that occurs in a part, initialised.

    Blocks with a skip begin as the identity (Goyal et al. 2017, arXiv 1706.02677, section 5.1), so that it does not
    matter at first which family a step draws; without it, the shared weights of a mixed space hardly learn.
    """
    found: dict[str, list[Tensor]] = {}
    parameters: set[str] = set()
    for module in part.modules:
        parts.init_weights(module)
        parameters.update(name for name, _ in module.named_parameters())
        for name, tensor in module.state_dict().items():
            found.setdefault(name, []).append(tensor.detach())
    for name, tensors in found.items():
        largest = enclosing(tensors, part.packed.get(name, ()))
        value = torch.zeros_like(largest) if name in part.exits else largest
        _register(root, f"{part.path}.{name}", nn.Parameter(value) if name in parameters else value)


def _register(root: nn.Module, path: str, value: Tensor) -> None:
    *folders, leaf = path.split(".")
    holder = root
    for folder in folders:
        if folder not in holder._modules:
            holder.add_module(folder, nn.Module())
        holder = holder.get_submodule(folder)
    if isinstance(value, nn.Parameter):
        holder.register_parameter(leaf, value)
    else:
        holder.register_buffer(leaf, value)
