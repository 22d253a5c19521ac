"""How the same numbers are laid out in a timm model's weight and in ours: ways there and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Protocol

import torch
from torch import Tensor


class Form(Protocol):
    """One weight of timm's as one or several of ours."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Return ours."""

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Return timm's; the inverse of `split`."""


@dataclass(frozen=True, slots=True)
class Same:
    """The same tensor."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Return it."""
        return (theirs,)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Return it."""
        return ours[0]


SAME = Same()


@dataclass(frozen=True, slots=True)
class AsConvolution:
    """A linear layer ``(out, in)`` as a 1x1 convolution ``(out, in, 1, 1)``; biases and convolutions stay.

    Attributes:
        linear: whether timm's is one.
    """

    linear: bool

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Return the convolution's weight."""
        return (theirs[:, :, None, None] if theirs.ndim == 2 else theirs,)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Return the linear layer's weight."""
        return ours[0].flatten(1) if self.linear and ours[0].ndim == 4 else ours[0]


@dataclass(frozen=True, slots=True)
class Packed:
    """Queries, keys and values in one weight: one behind the other, group after group.

    Attributes:
        groups: how often the three follow each other (the number of heads, or once).
        linear: whether timm's is a linear layer.
    """

    groups: int
    linear: bool

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Return the weights of queries, keys and values."""
        packs = theirs.reshape(self.groups, 3, -1, *theirs.shape[1:])
        return tuple(AsConvolution(self.linear).split(packs[:, i].flatten(0, 1))[0] for i in range(3))

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Return the one weight."""
        three = [AsConvolution(self.linear).join([weight]) for weight in ours]
        packs = torch.stack([weight.reshape(self.groups, -1, *weight.shape[1:]) for weight in three], dim=1)
        return packs.flatten(0, 2)


@dataclass(frozen=True, slots=True)
class AsMap:
    """Tokens ``(1, T, C)`` as a map of height 1, ``(1, C, 1, T)``."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Return the map."""
        return (theirs.transpose(1, 2).unsqueeze(2),)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Return the tokens."""
        return ours[0].squeeze(2).transpose(1, 2)


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions ``(1, 1 + T, C)`` as that of the class token ``(1, C, 1, 1)`` and a square map ``(1, C, s, s)``."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Return the class token's and the map."""
        side = isqrt(theirs.shape[1] - 1)
        first, rest = theirs.transpose(1, 2).split([1, theirs.shape[1] - 1], dim=2)  # (1, C, 1), (1, C, T)
        return first.unsqueeze(3), rest.unflatten(2, (side, side))

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Return all of them in a row."""
        return torch.cat([position.flatten(2) for position in ours], dim=2).transpose(1, 2)
