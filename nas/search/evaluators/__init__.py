"""What scores a candidate, by name: shared weights, its own training, proxies, or a table.

``--evaluator NAME[:DETAIL]`` names one; `evaluator_spec` makes the recipe that workers build their evaluator from.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from nas.errors import UserError, unknown_name
from nas.search.evaluate import EvaluatorSpec
from nas.search.evaluators import inherited, proxy, table, train
from nas.search.evaluators.contract import Kind, Order, Setting

if TYPE_CHECKING:
    from nas.search.samplers.task import Listed
    from nas.search.target import Field

__all__ = [
    "DEFAULT",
    "EVALUATORS",
    "Kind",
    "Order",
    "Setting",
    "evaluator_spec",
    "kind_of",
    "listed_architectures",
    "read_order",
]

DEFAULT = "supernet"

EVALUATORS: Mapping[str, Kind] = MappingProxyType(
    {"supernet": inherited.KIND, "train": train.KIND, "proxy": proxy.KIND, "table": table.KIND}
)


def read_order(text: str) -> Order:
    """Read ``NAME`` or ``NAME:DETAIL``; a detail is checked, and a path in it becomes absolute.

    Raises:
        UserError: if there is no such evaluator, or the detail is not legal for it.
    """
    name, colon, detail = text.partition(":")
    if name not in EVALUATORS:
        raise unknown_name("evaluator", name, EVALUATORS)
    kind = EVALUATORS[name]
    if colon and kind.read_detail is None:
        raise UserError(f"--evaluator {name} takes nothing after a colon, got {detail!r}")
    return Order(name, None if kind.read_detail is None else kind.read_detail(detail))


def kind_of(order: Order) -> Kind:
    """Return what is known of the evaluator that was asked for.

    Raises:
        UserError: if there is none of that name.
    """
    if order.name not in EVALUATORS:
        raise unknown_name("evaluator", order.name, EVALUATORS)
    return EVALUATORS[order.name]


def listed_architectures(order: Order, where: Field) -> Listed | None:
    """Return the only architectures that the evaluator can score; None if it can score all of the space.

    Raises:
        UserError: if it can score none of them.
    """
    listed = kind_of(order).listed
    return None if listed is None else listed(order, where.full, where.restriction.space)


def evaluator_spec(order: Order, setting: Setting) -> EvaluatorSpec:
    """Return the recipe of the evaluator that was asked for."""
    return kind_of(order).spec(order, setting)
