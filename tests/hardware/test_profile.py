"""Profiles: what is shipped loads, what is wrong is reported all at once."""

import subprocess
import sys

import pytest
import yaml

from nas.errors import UserError
from nas.hardware.profile import describe_target, load_profile, profile_names
from nas.resources import shipped_dir

NAMES = profile_names()


def test_shipped_targets():
    jetsons = {"jetson-orin", "jetson-agx-orin", "jetson-xavier", "jetson-tx2", "jetson-nano", "jetson-nano-fp32"}
    phones = {"pixel4-cpu", "snapdragon-855-cpu", "snapdragon-855-cpu-int8", "snapdragon-8gen2-cpu"}
    assert {*jetsons, *phones, "coral-edgetpu", "raspberry-pi-4", "raspberry-pi-5", "host-cpu"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_stated(name):
    profile = load_profile(name)
    assert profile.evidence.sources
    if profile.evidence.kind == "datasheet":
        assert profile.evidence.errors is None
    else:
        assert profile.evidence.networks > 0
        assert profile.evidence.errors.spearman <= 1


@pytest.mark.parametrize("name", NAMES)
def test_three_comment_lines_open_the_file(name):
    lines = (shipped_dir("hardware_profiles") / f"{name}.yaml").read_text().splitlines()
    assert all(line.startswith("# ") for line in lines[:3])


@pytest.mark.parametrize("name", NAMES)
def test_fitted_rates_stay_near_the_peaks(name):
    profile = load_profile(name)
    for rate in profile.kernels.values():
        assert rate.gmacs_per_s < 2 * profile.peaks.gmacs_per_s


def test_description_of_a_target():
    row = describe_target(load_profile("jetson-orin"))
    assert row["evidence"] == "published"
    assert row["networks"] == 4
    assert 0 <= row["share_within_10"] <= 1


def test_power_needs_its_source(tmp_path):
    with pytest.raises(UserError, match="power_w and power_source are given together"):
        load_profile(_written(tmp_path, power_w=5.0, power_source=""))


def test_unknown_target_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'jetson-orin'"):
        load_profile("jetson-orion")


def _written(tmp_path, **changes):
    data = yaml.safe_load((shipped_dir("hardware_profiles") / "coral-edgetpu.yaml").read_text())
    data.update(name="mine", **changes)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return str(path)


def test_a_profile_by_path(tmp_path):
    assert load_profile(_written(tmp_path)).name == "mine"


def test_all_problems_at_once(tmp_path):
    path = _written(tmp_path, peaks={"gmacs_per_s": -1.0, "gbytes_per_s": 1.0}, precision="fp31", treads=4)
    with pytest.raises(UserError) as caught:
        load_profile(path)
    text = str(caught.value)
    assert "3 problems" in text
    assert "$.peaks: gmacs_per_s must be positive" in text
    assert "$.precision" in text
    assert "did you mean 'threads'" in text


def test_room_on_the_chip_needs_a_stream_rate(tmp_path):
    with pytest.raises(UserError, match="given together"):
        load_profile(_written(tmp_path, limits={"on_chip_bytes": 1000}))


def test_measured_evidence_needs_errors(tmp_path):
    evidence = {
        "kind": "measured", "sources": [], "date": "", "networks": 3, "method": "", "interval_factor": 1.1
    }  # fmt: skip
    with pytest.raises(UserError, match="needs networks and errors"):
        load_profile(_written(tmp_path, evidence=evidence))


def test_loading_imports_no_torch():
    code = (
        "import sys; from nas.hardware.profile import load_profile, profile_names;"
        "[load_profile(n) for n in profile_names()]; assert not {'torch', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
