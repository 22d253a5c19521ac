"""Comparing a timm model with what an architecture can say: every module of the two, by name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

# Pooling has no weights and is compared by its kind; dropping does nothing to a trained network.
_UNCOMPARED = ("global_pool", "flatten")
_TRAINING_ONLY = ("Dropout", "DropPath", "Identity")

# How a model is trained, initialised or run, but not what it computes.
_NO_SETTINGS = frozenset(
    {
        *("training", "inplace", "fused_attn", "grad_checkpointing", "drop_rate", "fix_init"),
        *("weight_init_mode", "strict_img_size", "dynamic_img_size"),
    }
)


class NotOursError(Exception):
    """A module that no field of ours describes."""


def described(root: nn.Module, *, attributes: bool = False) -> dict[str, str]:
    """Describe every module by its name: class, settings, shapes and skips.

    Args:
        root: the network.
        attributes: add the root itself, and the plain attributes (numbers, words) by which modules of the same
            classes can be compared.
    """
    found = {}
    for path, module in root.named_modules():
        if path and not path.startswith(_UNCOMPARED) and type(module).__name__ not in _TRAINING_ONLY:
            found[path] = _description(module, attributes)
    # The root says least, so it is compared last.
    return {**found, "the model": _description(root, attributes)} if attributes else found


def require_equal(theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Compare the descriptions of timm's model and of what an architecture can be.

    Raises:
        NotOursError: with the first module that differs.
    """
    for path in dict.fromkeys((*theirs, *ours)):
        if theirs.get(path) != ours.get(path):
            has, can = theirs.get(path, "missing"), ours.get(path, "nothing")
            raise NotOursError(f"{path} is {has}, where an architecture has {can}")


def _description(module: nn.Module, attributes: bool) -> str:
    settings = module.extra_repr().replace(", inplace=True", "").replace("inplace=True", "")
    if attributes and not settings:
        plain = (f"{name}={value!r}" for name, value in sorted(vars(module).items()) if _is_setting(name, value))
        settings = ", ".join(plain)
    weights = ", ".join(f"{name} {tuple(p.shape)}" for name, p in module.named_parameters(recurse=False))
    skip = " with skip" if getattr(module, "has_skip", False) else ""
    return f"{type(module).__name__}({settings}){skip}{f' with {weights}' if weights else ''}"


def _is_setting(name: str, value: object) -> bool:
    return isinstance(value, (bool, int, float, str)) and name not in _NO_SETTINGS and not name.startswith("_")
