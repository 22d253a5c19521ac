"""`nas calibrate`: better profiles are written, worse ones and nonsense are not."""

import pytest

from nas.cli import main
from nas.cost.kernels import fuse
from nas.errors import UserError
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import load_profile
from nas.jobs.calibrate import calibrate_target
from nas.jobs.networks import find_network
from nas.model.zoo import ZOO
from nas.search.watch import Silent

NAMES = ("mobilenetv2_050", "mobilenetv3_small_050", "lcnet_050", "tinynet_e", "mobilenetv4_conv_small", "lcnet_100")
TARGET = "host-cpu"


@pytest.fixture
def table(tmp_path):
    """Return a function that writes latencies as a function of the predicted ones."""

    def write(latency, names=NAMES):
        lines = ["network,latency_ms,resolution"]
        for name in names:
            (tmp_path / f"{name}.json").write_text(ZOO[name](96, 10).to_json())
            trace = find_network(f"{name}.json", None, tmp_path).trace
            profile = load_profile(TARGET)
            predicted = network_latency_ms(fuse(trace, profile.fusion), profile)
            lines.append(f"{name}.json,{latency(predicted, name):.6g},96")
        path = tmp_path / "latencies.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_a_slower_device_is_learnt(table, tmp_path):
    out = tmp_path / "mine.yaml"
    found = calibrate_target(TARGET, table(lambda ms, _: 2.5 * ms), out, Silent())
    assert found.before.mape == pytest.approx(0.6, abs=0.02)
    assert found.after.mape < 0.2
    written = load_profile(str(out))
    assert written.name == "mine"
    assert written.evidence.networks == len(NAMES)
    assert written.evidence.errors == found.after or written.evidence.errors.mape == pytest.approx(found.after.mape)
    assert "latencies.csv" in written.evidence.sources[0]


def test_a_worse_profile_is_only_written_by_force(table, tmp_path, monkeypatch):
    path, out = table(lambda ms, _: 1.1 * ms), tmp_path / "mine.yaml"
    monkeypatch.setattr(
        "nas.hardware.calibrate.left_out_ms", lambda _, networks: [99.0 + i for i in range(len(networks))]
    )
    with pytest.raises(UserError, match="not written.*or --force"):
        calibrate_target(TARGET, path, out, Silent())
    assert not out.exists()
    calibrate_target(TARGET, path, out, Silent(), force=True)
    assert load_profile(str(out)).evidence.errors.mape > 1


@pytest.mark.parametrize(("factor", "said"), [(1e-3, "in seconds"), (16.0, "a batch of 16")])
def test_nonsense_is_refused(table, tmp_path, factor, said):
    with pytest.raises(UserError, match=said):
        calibrate_target(TARGET, table(lambda ms, _: factor * ms), tmp_path / "mine.yaml", Silent())


def test_every_unknown_network_is_named_with_its_line(tmp_path, capsys):
    path = tmp_path / "latencies.csv"
    rows = [
        "network,latency_ms",
        "timm:mobilenetv2_10,1",
        "gone.json,2",
        "model.onnx,3",
        "resnet18,4",
        "timm:lcnet_050,-5",
    ]
    path.write_text("\n".join(rows) + "\n")
    code = main(["calibrate", "--target", TARGET, "--measurements", str(path), "--out", str(tmp_path / "mine.yaml")])
    said = capsys.readouterr().err
    assert code == 2
    assert "5 problems" in said
    assert "line 2: unknown timm model 'mobilenetv2_10'" in said
    assert "line 3: " in said and "line 4: " in said
    assert "line 5: network 'resnet18': expected timm:NAME" in said
    assert "line 6: latency_ms -5 is not above 0" in said
