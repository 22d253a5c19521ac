"""A supernet: one set of weights that every architecture of a space uses a slice of.

There are no elastic layers and nothing is "active": a subnet is the plain network of its architecture, run part by part
by `torch.func.functional_call` on slices of the shared weights. For every place a block may stand at, and every
family that may stand there, the shared weights are those of the largest block.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from nas.blocks import Block, parts
from nas.model.largest import LargestPart, largest_parts
from nas.model.network import assemble
from nas.model.resizing import resized
from nas.model.shared_part import SharedPart, shared_part
from nas.model.slicing import enclosing, packed_weights, paste
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem
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
        self._parts: dict[object, SharedPart] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for part in largest_parts(space):
                _register_largest(self, part)

    def forward(self, architecture: Architecture, x: Tensor) -> Tensor:
        """Run one subnet: ``(N, 3, H, W) -> (N, num_classes)``; images are resized to its resolution."""
        x = resized(x, architecture.resolution)
        for part in self._parts_of(architecture):
            x = part(x, training=self.training)
        return x

    def weights(self, architecture: Architecture) -> Weights:
        """Return the views of the shared weights that the architecture's network uses, by its own names."""
        parts_of = self._parts_of(architecture)
        return {part.prefix + weight.name: weight.slice() for part in parts_of for weight in part.weights}

    def assign(self, architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
        """Set some of the shared weights that an architecture uses, given by its network's names and shapes."""
        places = {part.prefix + weight.name: weight for part in self._parts_of(architecture) for weight in part.weights}
        with torch.no_grad():
            for name, tensor in weights.items():
                paste(places[name].shared, tensor, places[name].segments)

    def extract(self, architecture: Architecture) -> nn.Sequential:
        """Copy a subnet into an ordinary network with the same outputs."""
        with torch.device("meta"):
            network = assemble(architecture)
        weights = {name: w.detach().clone().contiguous() for name, w in self.weights(architecture).items()}
        network.load_state_dict(weights, assign=True)
        return network.requires_grad_(True).train(self.training)

    def _parts_of(self, architecture: Architecture) -> Iterator[SharedPart]:
        stem, head = architecture.stem, architecture.head
        yield self._part("stem", "", stem, architecture.resolution)
        for path, in_chs, block in architecture.blocks():
            yield self._part(f"{path}.{block.kind}", f"{path}.", block, in_chs)
        yield self._part(f"heads.{head.kind}", "", head, architecture.features)

    def _part(self, place: str, prefix: str, described: Stem | Block | Head, size: int) -> SharedPart:
        """Return a part, made once per place and description; `size` is the stem's resolution, else channels."""
        key = (place, described, size)
        if key not in self._parts:
            with torch.device("meta"):
                module = _without_weights(described, size, self.space.num_classes)
            self._parts[key] = shared_part(self, place, prefix, module, packed_weights(described))
        return self._parts[key]


def _without_weights(described: Stem | Block | Head, size: int, num_classes: int) -> nn.Module:
    if isinstance(described, Stem):
        return nn.Sequential(OrderedDict(described.modules(size)))
    if isinstance(described, Head):
        return nn.Sequential(OrderedDict(described.modules(size, num_classes)))
    return described.build(size)


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
