"""A compressed network on disk: its weights, and in what its form differs from the network that it was made from.

Neither a pickle nor a history of changes is needed: the shapes of the weights say how wide every layer became, so only
what shapes cannot say is written beside them. `restore` gives a network that can be trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from nas.errors import UserError
from nas.model.folding import folded

Layer = nn.Linear | nn.Conv2d

_HEADS = ("num_heads", "head_dim", "attn_dim")  # what attention keeps beside its weights


class Factored(nn.Sequential):
    """Two layers in the place of one, the product of whose weights is near the one's."""

    def __init__(self, first: Layer, second: Layer) -> None:
        super().__init__(first, second)

    @property
    def layers(self) -> tuple[Layer, Layer]:
        """The two layers, in order."""
        first, second = self
        assert isinstance(first, (nn.Linear, nn.Conv2d)) and isinstance(second, (nn.Linear, nn.Conv2d))
        return first, second


@dataclass(frozen=True, slots=True)
class Form:
    """What the shapes of the weights do not say.

    Attributes:
        factored: names of layers that became a `Factored`, each with its rank.
        heads: names of attention modules with their numbers of heads and widths.
    """

    factored: dict[str, int] = field(default_factory=dict)
    heads: dict[str, dict[str, int]] = field(default_factory=dict)


def form_of(network: nn.Module) -> Form:
    """Read the form off a network."""
    factored, heads = {}, {}
    for name, module in network.named_modules():
        if isinstance(module, Factored):
            factored[name] = module.layers[0].weight.shape[0]
        numbers = {key: value for key in _HEADS if isinstance(value := getattr(module, key, None), int)}
        if numbers:
            heads[name] = numbers
    return Form(factored, heads)


def restore(original: nn.Module, form: Form, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Return the compressed network; `original` may be changed.

    Args:
        original: the network before compression, with any weights.
        form: of the compressed network.
        tensors: its state dict.

    Raises:
        UserError: if the weights do not belong to the network.
    """
    names = {name for name in tensors if not name.startswith(tuple(f"{layer}." for layer in form.factored))}
    # Folding gives layers other names: where names are missing, the branches of the original were folded.
    network = original if names <= original.state_dict().keys() else trainable(original)
    try:
        for name, rank in form.factored.items():
            layer = network.get_submodule(name)
            if not isinstance(layer, (nn.Linear, nn.Conv2d)):
                raise ValueError(f"{name} is a {type(layer).__name__}")
            network.set_submodule(name, halves(layer, rank))
        for name, numbers in form.heads.items():
            for key, value in numbers.items():
                setattr(network.get_submodule(name), key, value)
        for name, tensor in tensors.items():
            _resize(network, name, tensor)
        network.load_state_dict(dict(tensors))
    except (AttributeError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the weights do not belong to this network ({reason})") from None
    return network.eval()


def trainable(network: nn.Module) -> nn.Module:
    """Return `network` folded as it is deployed, with every weight open to training."""
    # Some of timm's blocks close their weights to training when they are folded.
    return folded(network).requires_grad_(True)


def halves(layer: Layer, rank: int) -> Factored:
    """Return two untrained layers of `rank` channels between them, in the place of a linear or pointwise layer."""
    bias = layer.bias is not None
    made: Factored
    if isinstance(layer, nn.Linear):
        made = Factored(nn.Linear(layer.in_features, rank, bias=False), nn.Linear(rank, layer.out_features, bias=bias))
    else:
        first = nn.Conv2d(layer.in_channels, rank, 1, stride=layer.stride, bias=False)  # type: ignore[arg-type]
        made = Factored(first, nn.Conv2d(rank, layer.out_channels, 1, bias=bias))
    made.to(layer.weight)  # device and precision
    return made


def _resize(network: nn.Module, name: str, tensor: Tensor) -> None:
    """Give one parameter or buffer the shape of `tensor`, and its layer the numbers that belong to it."""
    path, _, leaf = name.rpartition(".")
    module: Any = network.get_submodule(path)
    old = getattr(module, leaf)
    if old.shape == tensor.shape:
        return
    if leaf in module._parameters:
        setattr(module, leaf, nn.Parameter(tensor.clone()))
    else:
        setattr(module, leaf, tensor.clone())
    if leaf == "weight":
        _renumber(module, tuple(tensor.shape))


def _renumber(module: Any, new: tuple[int, ...]) -> None:
    if isinstance(module, nn.Conv2d):
        if module.groups == module.in_channels > 1:  # depthwise: as many groups as channels
            module.groups = new[0] * module.groups // module.out_channels
        module.out_channels, module.in_channels = new[0], new[1] * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = new
    elif isinstance(module, nn.LayerNorm):
        module.normalized_shape = new
    elif hasattr(module, "num_features"):
        module.num_features = new[0]
    elif hasattr(module, "num_channels"):
        module.num_channels = new[0]
