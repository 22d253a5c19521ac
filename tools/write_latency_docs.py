"""Write the tables of docs/latency.md from the shipped profiles, so that the page cannot disagree with them.

Run: ``python -m tools.write_latency_docs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nas.hardware.profile import Errors, HardwareProfile, load_profile, profile_names

PAGE = Path(__file__).parent.parent / "docs" / "latency.md"
CHARTS = PAGE.parent / "latency"
BEGIN, END = "<!-- begin {} -->", "<!-- end {} -->"
HEAD = "| target | networks | predictor | within 10 % | median error | mean error | Spearman |"


def page(text: str) -> str:
    """Return the page with its tables renewed."""
    profiles = [load_profile(name) for name in profile_names()]
    for name, lines in (("errors", errors_table(profiles)), ("sources", sources_list(profiles))):
        begin, end = BEGIN.format(name), END.format(name)
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = before + "\n".join([begin, *lines, end]) + after
    return text


def errors_table(profiles: list[HardwareProfile]) -> Iterator[str]:
    """Yield the errors of every target, and of the further sets of networks it was judged by."""
    yield from (HEAD, "|---|---|---|---|---|---|---|")
    for profile in profiles:
        evidence = profile.evidence
        if evidence.errors is None:
            yield f"| {profile.name} | 0 | data sheets | | | | |"
            continue
        chart = (
            f"[{profile.name}](latency/{profile.name}.svg)"
            if (CHARTS / f"{profile.name}.svg").exists()
            else profile.name
        )
        rows = [(chart, evidence.networks, evidence.errors, evidence.macs_only)]
        rows += [(f"{profile.name}, {g.name}", g.networks, g.errors, g.macs_only) for g in evidence.others]
        for label, networks, kernels, macs in rows:
            yield row(label, networks, "kernels", kernels)
            if macs is not None:
                yield row("", networks, "MACs only", macs)


def row(label: str, networks: int, predictor: str, errors: Errors) -> str:
    """Return one row of the table of errors."""
    figures = f"{errors.share_within_10:.0%} | {errors.median:.1%} | {errors.mape:.1%} | {errors.spearman:.3f}"
    return f"| {label} | {networks} | {predictor} | {figures} |"


def sources_list(profiles: list[HardwareProfile]) -> Iterator[str]:
    """Yield what each target is and where its latencies come from."""
    for profile in profiles:
        evidence = profile.evidence
        line = f"- **{profile.name}**: {profile.description}. {evidence.kind.capitalize()}, {evidence.date}: "
        yield line + "; ".join(evidence.sources) + "." + (f" {evidence.note}" if evidence.note else "")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
