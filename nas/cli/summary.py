"""Results as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nas import schema
from nas.report.numbers import NOTHING, compact, memory, percent, significant
from nas.report.tables import Table, to_text

if TYPE_CHECKING:  # listing targets and spaces must not import what a search needs
    from nas.export import Verification
    from nas.jobs.search import Outcome


def search_summary(outcome: Outcome) -> str:
    """Say what a search found and where it lies."""
    from nas.report import load_facts, networks_table, words
    from nas.report.tables import shortlist

    facts = load_facts(outcome.path)
    table = to_text(networks_table(shortlist(facts.networks)))
    checked = [f"{v['format']}: {v['file']}" for v in outcome.result["verification"]]
    lines = ["", table, "", words.accuracies_note(facts), "", words.verdict(facts), ""]
    lines += [f"winner   {outcome.path / 'winner'}", f"exported {', '.join(checked)} (checked against PyTorch)"]
    return "\n".join([*lines, f"report   {outcome.report}"])


def verifications_text(found: Sequence[Verification]) -> str:
    """Say what was exported, how it compares with PyTorch, and what devices make of it."""
    headers = ("file", "kB", "images", "relative difference", "same class", "SQNR, dB", "accuracy", "of PyTorch")
    rows = [
        (
            v.file,
            f"{v.file_bytes / 1000:,.0f}",
            str(v.images),
            f"{v.relative_difference:.1e}",
            percent(v.top1_agreement),
            NOTHING if v.sqnr_db is None else f"{v.sqnr_db:.1f}",
            percent(v.accuracy),
            percent(v.pytorch_accuracy),
        )
        for v in found
    ]
    lines = [to_text(Table(headers, tuple(rows))), "", _COMPARED]
    lines += [f"{v.file}: {note}" for v in found for note in v.notes]
    for verification in found:
        for legality in verification.legality:
            head, *rest = legality.lines()
            lines += ["", f"{verification.file} on {head}", *(f"  {line}" for line in shortened(rest))]
    return "\n".join(lines)


def shortened(lines: Sequence[str], most: int = 8) -> list[str]:
    """Return the first of `lines`, and how many more there are."""
    more = len(lines) - most
    return [*lines[:most], f"and {more} more, in verification.json"] if more > 0 else list(lines)


def prediction_text(found: Mapping[str, Any], kernels: int) -> str:
    """Say what a network costs on a target, with its slowest kernels."""
    low, high = found["latency_interval_ms"]
    evidence = found["evidence"]
    lines = [
        f"{found['model']} at {found['resolution']} pixels on {found['target']}",
        f"  latency      {significant(found['latency_ms'])} ms, expected {significant(low)} to {significant(high)} ms",
        f"  evidence     {evidence['kind']}, {evidence['networks']} networks{_errors(evidence)}",
        f"  MACs         {compact(found['macs'])}",
        f"  parameters   {compact(found['params'])}",
        f"  peak memory  {memory(found['peak_memory_bytes'])} of activations (float32)",
    ]
    if found["energy_mj"] is not None:
        lines.append(
            f"  energy       up to {significant(found['energy_mj'])} mJ, an estimate: data-sheet power x latency"
        )
    if found["extrapolated"]:
        lines.append("  note         outside the latencies that the profile was fitted to: an extrapolation")
    if found["unsupported"]:
        lines.append(f"  note         the engine does not run: {', '.join(found['unsupported'])}")
    if found["uncovered"]:
        shares = ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in found["uncovered"].items())
        lines.append(f"  note         at the profile's default rate: {shares}")
    if found["uncovered_ops"]:
        lines.append(f"  note         MACs not known, counted as none: {', '.join(found['uncovered_ops'])}")
    rows = [
        (k["label"], significant(k["latency_ms"]), f"{100 * k['share']:.1f}", compact(k["macs"]))
        for k in found["kernels"][:kernels]
    ]
    return "\n".join([*lines, "", to_text(Table(("slowest kernels", "ms", "share, %", "MACs"), tuple(rows)))])


def targets_text(found: Sequence[Mapping[str, Any]]) -> str:
    """List targets with what stands behind them."""
    headers = ("target", "device", "engine", "precision", "evidence", "networks", "within 10 %", "median error")
    rows = [
        (
            *(str(t[name]) for name in ("name", "device", "engine", "precision", "evidence", "networks")),
            _percent(t["share_within_10"]),
            _percent(t["median_error"]),
        )
        for t in found
    ]
    note = "Shares and errors are of networks left out of the fit."
    return to_text(Table(headers, tuple(rows), left=5)) + f"\n\n{note}"


def spaces_text(found: Sequence[Mapping[str, Any]]) -> str:
    """List search spaces."""
    rows = [(s["name"], "/".join(map(str, s["resolutions"])), str(s["stages"]), s["description"]) for s in found]
    return to_text(Table(("space", "resolution", "stages", "what it holds"), tuple(rows), left=4))


def space_text(found: Mapping[str, Any]) -> str:
    """Show one search space: its size, what was removed, the costs of random architectures, points of the zoo."""
    from nas.report.histogram import Histogram, histogram_text

    on = f" on {found['target']}" if found["target"] else ""
    lines = [f"{found['name']}{on}: {found['description']}", f"  architectures  {found['size']:,}"]
    lines += [f"  open choices   {found['choices']}", f"  seeds          {', '.join(found['seeds']) or 'none'}"]
    lines.append(f"  classes        {found['classes']}: what networks cost here; a search takes those of its data")
    lines += [f"  removed        {line}" for line in found["removed"]]
    points = [point["name"] for point in found["zoo"]]
    lines += [f"  zoo            {line}" for line in textwrap.wrap(", ".join(points) or "none", _WIDTH)]
    latency = f"latency on {found['latency_target']}, ms"
    writes = (
        ("macs", "MACs", compact),
        ("params", "parameters", compact),
        ("peak_memory_bytes", "peak memory", memory),
    )
    rows = [
        (
            title,
            write(found["smallest"][key]),
            *(write(found[key][q]) for q in _QUARTILES),
            write(found["largest"][key]),
        )
        for key, title, write in (*writes, ("latency_ms", latency, significant))
    ]
    headers = (f"of {found['samples']:,} random ones", "smallest", *_QUARTILE_NAMES, "largest")
    lines += ["", to_text(Table(headers, tuple(rows))), "", _EXTREMES]
    for key, title, write in (("macs", "MACs", compact), ("latency_ms", latency, significant)):
        bins = schema.read(Histogram, found["histograms"][key])
        lines += ["", title, histogram_text(bins, write)]
    return "\n".join(lines)


def zoo_text(found: Mapping[str, Any]) -> str:
    """List the published networks with what they cost."""
    networks = found["networks"]
    headers = ["network", "pixels", "MACs", "parameters", *(f"{target}, ms" for target in found["targets"])]
    rows = [[n["name"], str(n["resolution"]), compact(n["macs"]), compact(n["params"])] for n in networks]
    for target in found["targets"]:
        for row, network in zip(rows, networks, strict=True):
            marks = "*" * bool(network["unsupported"][target]) + "?" * network["extrapolated"][target]
            row.append(f"{marks} {significant(network['latency_ms'][target])}".strip())
    if found["space"] is not None:
        headers.append(f"in {found['space']}")
        for row, network in zip(rows, networks, strict=True):
            row.append("yes" if network["in_space"] else "no")
    table = to_text(Table(tuple(headers), tuple(tuple(row) for row in rows)))
    notes = {
        "*": any(any(n["unsupported"].values()) for n in networks),
        "?": any(any(n["extrapolated"].values()) for n in networks),
    }
    return "\n".join([table, "", *(_ZOO_NOTES[mark] for mark, seen in notes.items() if seen)]).rstrip()


_ZOO_NOTES = {
    "*": "* the target's engine does not run all of the network (nas predict says what)",
    "?": "? outside the latencies that the profile was fitted to: an extrapolation",
}
_QUARTILES = ("min", "q1", "median", "q3", "max")
_QUARTILE_NAMES = ("least", "quarter", "median", "three quarters", "most")
_EXTREMES = "smallest, largest: with architectures that have the extreme number in every choice"
_WIDTH = 100
_COMPARED = (
    "Compared with PyTorch on images that were held out of training. Floating point is judged by the relative\n"
    "difference, integers by the share of images with the same class and by SQNR; accuracies are on the same images."
)


def _errors(evidence: Mapping[str, Any]) -> str:
    errors = evidence.get("errors")
    if not errors:
        return "; never measured"
    within = _percent(errors["share_within_10"])
    return f"; left-out networks: {within} within 10 %, median error {_percent(errors['median'])}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
