"""Restarts: a search that has found nothing better for a while looks elsewhere, as if it had just begun."""

from __future__ import annotations

from nas import pareto
from nas.search.samplers.history import History

PATIENCE = 20  # evaluations without a new member of the front


def since_restart(history: History) -> History:
    """Return what was evaluated since the last restart, all of it if there was none.

    What the search has found lately is judged by itself: after a restart the front begins anew.
    """
    begin, count = 0, len(history.points)
    while begin < count:
        latest = begin + max(pareto.front(history.scores[begin:]))
        if count - latest - 1 < PATIENCE:
            break
        begin = latest + 1 + PATIENCE
    scores = history.scores[begin:]
    return History(
        points=history.points[begin:],
        scores=scores,
        running=history.running,
        front=tuple(sorted(pareto.front(scores))),
        evaluated=history.evaluated - begin,
    )
