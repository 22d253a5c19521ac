"""One part of a network (stem, block or head) as it runs in a supernet: a module without weights, and where they lie.

Made once for each place and description and kept, so that running a subnet costs little more than its network: looking
up tensors by name in all of the supernet, and assembling a network for each call, took as long as the small ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.func import functional_call

from nas.model.slicing import Cuts, Segments, cut, cuts


@dataclass(frozen=True, slots=True)
class SharedWeight:
    """One weight of a part.

    Attributes:
        name: in the part's module.
        table: the parameters or buffers of the module that has the shared tensor.
        leaf: the tensor's name there.
        cuts: what the part uses of it.
        segments: how the shared tensor is packed.
    """

    name: str
    table: Mapping[str, Tensor | None]
    leaf: str
    cuts: Cuts
    segments: Segments

    @property
    def shared(self) -> Tensor:
        """The whole shared tensor."""
        tensor = self.table[self.leaf]
        assert tensor is not None, self.name
        return tensor

    def slice(self) -> Tensor:
        """Return what the part uses of it."""
        return cut(self.shared, self.cuts)


@dataclass(frozen=True, slots=True)
class SharedPart:
    """A module on the meta device, run with slices of shared weights.

    Attributes:
        prefix: of its names in the network, ``""`` for the ends, else such as ``"blocks.1.0."``.
        module: without weights.
        weights: where they lie.
    """

    prefix: str
    module: nn.Module
    weights: tuple[SharedWeight, ...]

    def __call__(self, x: Tensor, *, training: bool) -> Tensor:
        """Run the part on the shared weights."""
        if self.module.training != training:
            self.module.train(training)
        slices = {weight.name: weight.slice() for weight in self.weights}
        out: Tensor = functional_call(self.module, slices, (x,), tie_weights=False)
        return out


def shared_part(
    root: nn.Module, place: str, prefix: str, module: nn.Module, packed: Mapping[str, Segments]
) -> SharedPart:
    """Find the weights of a part.

    Args:
        root: the supernet.
        place: where the part's weights lie in it, such as ``"blocks.1.0.mbconv"``.
        prefix: of the part's names in the network.
        module: the part without weights.
        packed: which of its weights are packed.
    """
    return SharedPart(prefix, module, tuple(_weights(root, place, module, packed)))


def _weights(root: nn.Module, place: str, module: nn.Module, packed: Mapping[str, Segments]) -> Iterator[SharedWeight]:
    for name, tensor in module.state_dict(keep_vars=True).items():
        path, _, leaf = f"{place}.{name}".rpartition(".")
        holder, segments = root.get_submodule(path), packed.get(name, ())
        # The table and not the tensor: moving the supernet to a device replaces buffers.
        table = holder._parameters if leaf in holder._parameters else holder._buffers
        shared = holder.get_parameter(leaf) if table is holder._parameters else holder.get_buffer(leaf)
        yield SharedWeight(name, table, leaf, cuts(tuple(shared.shape), tuple(tensor.shape), segments), segments)
