"""How a supernet ranks, as text for a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from nas.report.numbers import compact, counted, percent
from nas.report.tables import Table, to_text


def ranking_text(found: Mapping[str, Any]) -> str:
    """Say what `nas.jobs.supernet_eval` found: the networks, then the correlations."""
    rows = [
        (
            network["digest"],
            compact(network["macs"]),
            compact(network["params"]),
            percent(network["inherited"]),
            percent(statistics.fmean(network["alone"])),
        )
        for network in found["networks"]
    ]
    table = to_text(Table(("network", "MACs", "weights", "inherited", "alone"), tuple(rows)))
    lines = [
        f"inherited   {_correlation(found['tau'])}; by losses {_correlation(found['tau_loss'])}",
        f"MACs        {_correlation(found['tau_macs'])}",
        f"weights     {_correlation(found['tau_params'])}",
    ]
    if found["tau_between_seeds"] is not None:
        lines.append(
            f"one seed    tau {found['tau_between_seeds']:.2f} with another, by losses "
            f"{found['tau_between_seeds_loss']:.2f}: little more can be asked for"
        )
    alone = f"{counted(found['alone']['epochs'], 'pass', 'passes')} alone, {counted(found['seeds'], 'training')} each"
    return "\n".join([table, "", f"Kendall's tau with the accuracy after {alone}:", *lines])


def _correlation(found: Mapping[str, float]) -> str:
    return f"tau {found['tau']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
