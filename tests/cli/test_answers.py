"""What the commands that only answer print, for people and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from nas.cli import main
from nas.hardware.profile import profile_names
from nas.model.network import build, count_params
from nas.space.document import space_names
from nas.space.space import load_space

KEYS = {
    *("target", "model", "resolution", "macs", "params", "peak_memory_bytes"),
    *("latency_ms", "latency_interval_ms", "evidence", "kernels"),
}


def asked(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_timm_model_is_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    model = "timm:mobilenetv3_small_050"
    found = asked(["predict", "--target", "jetson-orin", "--model", model, "--resolution", "96"], capsys)
    assert set(found) >= KEYS
    assert (found["target"], found["model"], found["resolution"]) == ("jetson-orin", model, 96)
    assert found["latency_interval_ms"][0] < found["latency_ms"] < found["latency_interval_ms"][1]
    assert sum(k["latency_ms"] for k in found["kernels"]) == pytest.approx(found["latency_ms"])
    assert found["kernels"] == sorted(found["kernels"], key=lambda k: -k["latency_ms"])
    assert found["uncovered_ops"] == []


def test_an_architecture_file_is_predicted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    architecture = load_space("tiny-hybrid").for_classes(10).smallest()
    for name, text in (("a.json", architecture.to_json()), ("a.yaml", architecture.to_yaml())):
        path = tmp_path / name
        path.write_text(text)
        found = asked(["predict", "--target", "coral-edgetpu", "--architecture", str(path)], capsys)
        assert set(found) >= KEYS
        assert found["params"] == count_params(build(architecture))
        assert found["resolution"] == 32
    larger = asked(["predict", "--target", "coral-edgetpu", "--architecture", str(path), "--resolution", "64"], capsys)
    assert larger["macs"] > found["macs"]
    assert larger["params"] == found["params"]


def test_a_prediction_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", "timm:mobilenetv3_small_050", "--kernels", "3"]
    assert main(["predict", "--target", "coral-edgetpu", *model]) == 0
    out = capsys.readouterr().out
    assert "evidence     published, 9 networks" in out
    assert "the engine does not run: " in out
    assert len(out.partition("slowest kernels")[2].strip().splitlines()) == 2 + 3


def test_an_operator_that_is_not_counted_is_named() -> None:
    from nas.cli.summary import prediction_text
    from nas.jobs.predict import predict_timm

    found = predict_timm("jetson-orin", "timm:mobilenetv3_small_050", 64) | {"uncovered_ops": ["fft"]}
    assert "MACs not known, counted as none: fft" in prediction_text(found, 1)


def test_targets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(["targets"], capsys)
    assert [t["name"] for t in found] == profile_names()
    assert all({"device", "engine", "evidence", "networks", "share_within_10"} <= set(t) for t in found)
    assert main(["targets"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in profile_names())


def test_spaces_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert [s["name"] for s in asked(["spaces"], capsys)] == space_names()
    assert main(["spaces"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in space_names())


def test_a_space_is_shown_as_a_target_can_run_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nas.jobs.survey.SAMPLES", 20)
    monkeypatch.chdir(tmp_path)
    whole = asked(["spaces", "tiny-hybrid"], capsys)
    assert whole["size"] == load_space("tiny-hybrid").size()
    assert (whole["target"], whole["latency_target"]) == (None, "host-cpu")
    on_coral = asked(["spaces", "show", "tiny-hybrid", "--target", "coral-edgetpu"], capsys)
    assert list(tmp_path.iterdir()) == []
    assert on_coral["size"] < whole["size"]
    assert any("hard_swish" in line for line in on_coral["removed"])
    assert on_coral["latency_ms"]["min"] > 0
    for key in ("macs", "params", "peak_memory_bytes", "latency_ms"):
        assert on_coral["smallest"][key] <= on_coral[key]["min"] <= on_coral[key]["max"] <= on_coral["largest"][key]
    assert sum(on_coral["histograms"]["macs"]["counts"]) == 20
    assert main(["spaces", "show", "tiny-hybrid", "--target", "coral-edgetpu"]) == 0
    out = capsys.readouterr().out
    assert "latency on coral-edgetpu, ms" in out
    assert "classes        1000" in out
    assert "picture  tiny-hybrid-coral-edgetpu.svg" in out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-hybrid-coral-edgetpu.svg"]


def test_a_picture_takes_the_place_of_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nas.jobs.survey.SAMPLES", 5)
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "tiny-hybrid.svg"
    other.write_text("<svg/>")
    assert main(["spaces", "show", "tiny-hybrid"]) == 0
    assert "picture  none: picture 'tiny-hybrid.svg': the file exists" in capsys.readouterr().out
    assert main(["spaces", "show", "tiny-hybrid", "--picture", str(other)]) == 2
    assert other.read_text() == "<svg/>"
    assert main(["spaces", "show", "tiny-hybrid", "--picture", "mine.svg"]) == 0
    assert main(["spaces", "tiny-hybrid", "--picture", "mine.svg"]) == 0  # ours: written again


def test_points_of_the_zoo_are_marked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nas.jobs.survey import survey_space
    from nas.report.space_picture import write_picture

    monkeypatch.setattr("nas.jobs.survey.SAMPLES", 3)
    monkeypatch.setattr("nas.jobs.survey.EXTREMES", 1)
    monkeypatch.setattr("nas.jobs.survey.PAPERS", ["mobilenetv2_100", "lcnet_050"])
    found = survey_space("mobile-hybrid")
    (point,) = found["zoo"]
    assert point["name"] == "mobilenetv2_100@224"
    found["histograms"]["macs"]["edges"][0] = point["macs"] / 2
    found["histograms"]["macs"]["edges"][-1] = point["macs"] * 2
    write_picture(found, tmp_path / "space.svg")
    assert "mobilenetv2_100@224" in (tmp_path / "space.svg").read_text()


@pytest.fixture
def small_zoo(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names = ["mobilenetv2_100", "lcnet_050", "mobilenetv3_large_100"]
    monkeypatch.setattr("nas.jobs.survey.PAPERS", {name: f"paper of {name}" for name in names})
    return names


def test_the_zoo_is_listed_for_every_target(small_zoo: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(["zoo"], capsys)
    assert found["targets"] == profile_names()
    assert [n["name"] for n in found["networks"]] == small_zoo
    for network in found["networks"]:
        predicted = asked(["predict", "--target", "pixel4-cpu", "--model", f"timm:{network['name']}"], capsys)
        assert (network["params"], network["resolution"]) == (predicted["params"], predicted["resolution"])
        # timm's pooling layer is counted as one operation an element, our mean as none.
        assert network["macs"] == pytest.approx(predicted["macs"], rel=1e-3)
        assert network["latency_ms"]["pixel4-cpu"] == pytest.approx(predicted["latency_ms"], rel=1e-2)
        assert network["unsupported"]["pixel4-cpu"] == predicted["unsupported"]
        assert set(network["latency_ms"]) == set(profile_names())
        assert network["in_space"] is None


def test_the_zoo_says_which_are_points_of_a_space(small_zoo: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def points(*target: str) -> list[str]:
        found = asked(["zoo", "--space", "mobile-hybrid", *target], capsys)
        return [n["name"] for n in found["networks"] if n["in_space"]]

    assert points() == ["mobilenetv2_100", "mobilenetv3_large_100"]
    assert points("--target", "coral-edgetpu") == ["mobilenetv2_100"]  # which has no hard-swish


def test_the_zoo_is_readable(small_zoo: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--target", "coral-edgetpu", "--space", "mobile-hybrid"]) == 0
    headers, _, *rows, empty, note = capsys.readouterr().out.rstrip().splitlines()
    assert headers.split("  ")[0] == "network"
    assert "coral-edgetpu, ms" in headers
    assert [row.split()[0] for row in rows] == small_zoo
    assert [row.split()[-1] for row in rows] == ["yes", "no", "no"]
    assert ["* " in row for row in rows] == [False, True, True]
    assert (empty, note[:2]) == ("", "* ")
