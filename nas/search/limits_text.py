"""Hard limits in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nas.search.objective import Constraints, Metrics

_LATENCY = "latency_ms"


def limits_text(constraints: Constraints, origin: str = "") -> str:
    """Say what is allowed; `origin`, that of the latency's limit, stands behind it."""
    margin = f" (with {100 * constraints.margin:.0f} % added to an estimate)" if constraints.margin else ""
    said = (
        f"{name} <= {_amount(name, limit, 6)}{origin + margin if name == _LATENCY else ''}"
        for name, limit in constraints.limits.items()
    )
    return ", ".join(said) or "no limit"


def least_text(found: Sequence[Metrics], constraints: Constraints) -> str:
    """Say the least of each limited metric among those found; empty if there are none."""
    return amounts_text({n: min(float(getattr(m, n)) for m in found) for n in constraints.limits} if found else {})


def amounts_text(amounts: Mapping[str, float]) -> str:
    """Say metrics with their amounts."""
    return ", ".join(f"{name} {_amount(name, amount, 4)}" for name, amount in amounts.items())


def share_text(share: float) -> str:
    """Say which share of a space keeps limits, as far as a few hundred random architectures tell."""
    return "under 1 %" if share < 0.005 else f"{100 * share:.0f} %"


def _amount(name: str, amount: float, digits: int) -> str:
    """Write a latency with so many digits, and a count in full."""
    return f"{amount:.{digits}g}" if name == _LATENCY else f"{amount:,.0f}"
