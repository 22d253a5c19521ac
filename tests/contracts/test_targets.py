"""What every shipped target keeps to; targets are found by themselves."""

import json
import random
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from nas.cost.kernels import KINDS
from nas.errors import UserError
from nas.hardware.predictor import LatencyEstimate, LatencyPredictor
from nas.hardware.profile import FOLDER, describe_target, load_profile, profile_names
from nas.hardware.space import restrict
from nas.resources import shipped_dir
from nas.space.architecture import Architecture
from nas.space.document import space_names
from nas.space.space import load_space

DOCS = Path(__file__).parents[2] / "docs"
TARGETS = pytest.mark.parametrize("name", profile_names())


def sampled(name: str, count: int) -> list[Architecture]:
    """Draw what the target can run, from every space."""
    rng, profile = random.Random(0), load_profile(name)
    spaces = [restrict(load_space(space), profile).space for space in space_names()]
    return [space.sample(rng) for space in spaces for _ in range(count)]


def widened(architecture: Architecture, factor: int) -> Architecture:
    """Multiply every number of channels, so that padding has no part in it."""
    return replace(
        architecture,
        stem=replace(architecture.stem, out_chs=factor * architecture.stem.out_chs),
        stages=tuple(
            tuple(replace(block, out_chs=factor * block.out_chs) for block in stage)  # type: ignore[type-var]
            for stage in architecture.stages
        ),
    )


@TARGETS
def test_its_file_opens_with_three_lines_about_itself(name: str) -> None:
    lines = (shipped_dir(FOLDER) / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[:4]
    assert all(line.startswith("# ") and len(line) > 20 for line in lines[:3])
    assert f"nas search --target {name}" in lines[1]
    assert not lines[3].startswith("#")


@TARGETS
def test_it_says_what_stands_behind_it(name: str) -> None:
    evidence = load_profile(name).evidence
    assert evidence.sources
    assert evidence.method
    assert date.fromisoformat(evidence.date)
    if evidence.kind == "datasheet":
        assert evidence.networks == 0
        assert evidence.interval_factor >= 2
        return
    assert evidence.errors is not None
    assert evidence.macs_only is not None
    assert evidence.interval_factor > 1
    assert evidence.range_ms is not None
    assert 0 < evidence.range_ms[0] < evidence.range_ms[1]
    assert re.search(r"leave-one|cross-validation", evidence.method)
    assert all(group.sources or "leave-one" in group.method for group in evidence.others)


@TARGETS
def test_its_rates_are_fitted_where_it_has_networks(name: str) -> None:
    profile = load_profile(name)
    fitted = {rate.evidence for rate in (profile.default, *profile.kernels.values())}
    assert ("fitted" in fitted) == (profile.evidence.kind != "datasheet")
    assert set(profile.kernels) <= set(KINDS)


@TARGETS
def test_a_line_in_macs_is_beaten_where_architectures_differ(name: str) -> None:
    """With one family at several sizes a line does as well; that is what the page says."""
    evidence = load_profile(name).evidence
    if evidence.networks >= 9:
        assert evidence.errors is not None
        assert evidence.macs_only is not None
        assert evidence.errors.mape < evidence.macs_only.mape
        assert evidence.errors.spearman > evidence.macs_only.spearman - 0.1


@TARGETS
def test_its_chart_is_there(name: str) -> None:
    evidence = load_profile(name).evidence
    chart = DOCS / "latency" / f"{name}.svg"
    if evidence.kind == "published":
        assert chart.read_text(encoding="utf-8").count('class="kernels"') == evidence.networks + 1  # and the legend's


@TARGETS
def test_energy_is_power_times_latency_where_a_data_sheet_says(name: str) -> None:
    profile = load_profile(name)
    found = LatencyPredictor(profile).estimate(sampled(name, 1)[0])
    if profile.power_w is None:
        assert found.energy_mj is None
    else:
        assert profile.power_source
        assert found.energy_mj == pytest.approx(profile.power_w * found.latency_ms)


@TARGETS
def test_its_kernels_add_up_to_the_estimate(name: str) -> None:
    predictor = LatencyPredictor(load_profile(name))
    for architecture in sampled(name, 8):
        check_sum(predictor.estimate(architecture), predictor.latency_ms(architecture))


def check_sum(estimate: LatencyEstimate, latency_ms: float) -> None:
    assert latency_ms > 0
    assert estimate.latency_ms == pytest.approx(latency_ms)
    assert sum(k.latency_ms for k in estimate.kernels) == pytest.approx(latency_ms)
    assert sum(k.share for k in estimate.kernels) == pytest.approx(1)
    assert all(k.latency_ms >= 0 for k in estimate.kernels)
    assert estimate.interval_ms[0] <= latency_ms <= estimate.interval_ms[1]


@TARGETS
def test_what_it_says_fits_into_json(name: str) -> None:
    profile = load_profile(name)
    found = LatencyPredictor(profile).estimate(sampled(name, 1)[0]).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False))["latency_ms"] == found["latency_ms"]
    assert json.loads(json.dumps(describe_target(profile), allow_nan=False))["name"] == name


@TARGETS
def test_wider_is_never_quicker(name: str) -> None:
    predictor = LatencyPredictor(load_profile(name))
    for architecture in sampled(name, 2):
        multiples = [widened(architecture, factor) for factor in (8, 16, 24, 32)]
        latencies_ms = [predictor.latency_ms(a) for a in multiples]
        assert latencies_ms == sorted(latencies_ms)


@TARGETS
def test_deeper_is_never_quicker(name: str) -> None:
    predictor = LatencyPredictor(load_profile(name))
    for architecture in sampled(name, 8):
        for i, stage in enumerate(architecture.stages):
            again = replace(stage[-1], stride=1) if stage[-1].reshapes else stage[-1]  # type: ignore[type-var]
            stages = (*architecture.stages[:i], (*stage, again), *architecture.stages[i + 1 :])
            deeper = replace(architecture, stages=stages)
            assert predictor.latency_ms(deeper) > predictor.latency_ms(architecture)


@TARGETS
def test_a_larger_image_is_never_quicker(name: str) -> None:
    predictor = LatencyPredictor(load_profile(name))
    for architecture in sampled(name, 4):
        larger = replace(architecture, resolution=2 * architecture.resolution)
        assert predictor.latency_ms(larger) > predictor.latency_ms(architecture)


@TARGETS
def test_what_is_left_of_a_space_has_nothing_that_it_cannot_run(name: str) -> None:
    predictor = LatencyPredictor(load_profile(name))
    assert {op for a in sampled(name, 15) for op in predictor.estimate(a).unsupported} == set()


def test_an_unknown_target_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'jetson-orin'"):
        load_profile("jetson-orinn")
