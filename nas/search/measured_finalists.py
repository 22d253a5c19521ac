"""Finalists with the latency that was measured in place of the predicted one, so that the better measured one wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nas import runs
from nas.search.latency_check import BuiltNetwork, MeasureOrder, check_latencies, open_for

if TYPE_CHECKING:
    from nas.runs import RunDirectory
    from nas.search.finalists import Finalist
    from nas.search.target import Target
    from nas.search.watch import Watch


def measured_finalists(
    finalists: Sequence[Finalist], target: Target, order: MeasureOrder, run: RunDirectory, watch: Watch
) -> list[Finalist]:
    """Return the finalists with measured latencies, and leave ``latency.json`` in the run.

    One that cannot be measured keeps its prediction.

    Raises:
        UserError: if the device does not answer.
    """
    engine = open_for(target.profile, order)
    subjects = [BuiltNetwork(f.name, f.architecture, f.network) for f in finalists]
    found = check_latencies(subjects, target, engine, watch, here=order.via is None)
    run.write_json(runs.LATENCY, found)
    error = "" if found["median_error"] is None else f"; predictions off by {found['median_error']:.1%} (median)"
    watch.say(f"measured {len(finalists)} finalists with {found['engine']} on {found['device']}{error}")
    latencies = [row["measured_ms"] for row in found["networks"]]
    return [_with_latency(f, measured_ms) for f, measured_ms in zip(finalists, latencies, strict=True)]


def _with_latency(finalist: Finalist, measured_ms: float | None) -> Finalist:
    if measured_ms is None:
        return finalist
    return replace(finalist, metrics=replace(finalist.metrics, latency_ms=measured_ms))
