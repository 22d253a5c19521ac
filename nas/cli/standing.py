"""Where a run stands, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.report.numbers import compact, counted, duration, percent, significant

if TYPE_CHECKING:
    from nas.jobs.status import Best, Counts, Status


def status_text(found: Status) -> str:
    """Say where a run stands, a line for each fact that is known."""
    lines = [f"run      {found.path}: {_state_text(found)}"]
    if found.held:
        process = "" if found.pid is None else f" (process {found.pid} on {found.host})"
        lines[0] += process
    if found.target:
        lines.append(f"target   {found.target}; space {found.space}, data {found.data}")
    if found.stage is not None:
        lines.append(f"stage    {_stage_text(found)}")
    if found.counts is not None:
        lines += _counts_text(found.counts, ended=found.state == "finished")
    if found.best is not None:
        lines.append(f"best     {_best_text(found.best)}")
    if found.elapsed_seconds is not None:
        lines.append(f"elapsed  {duration(found.elapsed_seconds)}{_left_text(found)}")
    if found.error is not None:
        lines.append(f"error    {found.error}")
    return "\n".join([*lines, *(f"damaged  {problem}" for problem in found.problems)])


_STATES = {
    "running": "goes on",
    "finished": "finished",
    "stopped": "stopped{by} before its end; continue with: nas search --resume {path}",
    "failed": "ended by an error; once it is put right, continue with: nas search --resume {path}",
    "damaged": "damaged",
}
_LATER = {"supernet": "search, finalists and export follow", "search": "finalists and export follow"}


def _state_text(found: Status) -> str:
    by = " by Ctrl-C or SIGTERM" if found.interrupted else ""
    return _STATES[found.state].format(path=found.path, by=by)


def _stage_text(found: Status) -> str:
    counts, share = found.counts, found.stage_share
    if found.epoch is not None and counts is not None:
        return f"supernet, pass {found.epoch} of {counts.supernet_epochs} ({percent(share, 0)} done)"
    return f"{found.stage}" if share is None else f"{found.stage}, {percent(share, 0)} done"


def _counts_text(counts: Counts, *, ended: bool) -> list[str]:
    failed = f", {counts.failed} failed" if counts.failed else ""
    passed_over = f"{counts.infeasible} over budget, {counts.duplicates} seen before{failed}"
    lines = [f"search   {_scored_text(counts, ended=ended)} scored; {passed_over}"]
    if counts.finalists:
        told = counted(counts.finalists, "network") + " trained"
        planned = f"{counts.finalists} of at most {counted(counts.planned_finalists, 'network')} trained or in training"
        lines.append(f"finals   {told if ended else planned}")
    return lines


def _scored_text(counts: Counts, *, ended: bool) -> str:
    """Say how many candidates were scored, of how many; a budget of time may be enough for more or for fewer."""
    if not counts.expected:
        return f"{counts.evaluated} of {counted(counts.planned, 'candidate')}"
    if ended or counts.evaluated >= counts.planned:
        return counted(counts.evaluated, "candidate")
    return f"{counts.evaluated} of about {counted(counts.planned, 'candidate')}"


def _best_text(best: Best) -> str:
    cost = f"{compact(best.macs)} MACs, {significant(best.latency_ms)} ms"
    if best.test_accuracy is not None:
        return f"{best.name}: {percent(best.test_accuracy)} on the test images, {cost}"
    score = percent(best.search_accuracy) if best.gives_accuracy else f"score {best.search_accuracy:.3f}"
    how = "" if best.trained else f" {best.scored}"
    return f"{best.name}: {score}{how}, {cost}"


def _left_text(found: Status) -> str:
    if found.stage_seconds_left is None:
        return ""
    later = _LATER.get(found.stage or "", "")
    return f"; about {duration(found.stage_seconds_left)} left of this stage{f', {later}' if later else ''}"
