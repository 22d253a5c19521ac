"""`supernet`: the accuracy that a candidate has with the weights it inherits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.search.evaluators.contract import Kind, Order, Setting

if TYPE_CHECKING:
    from nas.search.supernet_evaluator import SupernetSpec


def spec(_order: Order, setting: Setting) -> SupernetSpec:
    """Return the recipe; Ray's workers run in folders of their own, so the path is absolute."""
    from nas.search.supernet_evaluator import SupernetSpec

    assert setting.weights is not None
    weights = setting.weights.absolute()
    data = setting.data, setting.data_root, setting.seed
    how: dict[str, Any] = {"device": setting.device, "precision": setting.precision}
    return SupernetSpec(setting.space, weights, *data, setting.blocks, **how)


KIND = Kind(spec, words="with shared weights, before its own training", needs_supernet=True)
