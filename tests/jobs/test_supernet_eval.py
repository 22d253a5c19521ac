"""`nas supernet eval` on a small run: what it keeps, and that nothing is trained twice."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nas import runs
from nas.cli import main
from nas.errors import UserError
from nas.jobs.supernet_eval import EvalOrder
from tests.small_run import small_run

RECORDS = "supernet-eval.jsonl"


def test_a_run_keeps_how_its_supernet_ranks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = small_run(tmp_path).path
    command = ["supernet", "eval", str(run), "--networks", "4", "--seeds", "2"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == runs.read_json(run / "supernet-eval.json")
    assert len(found["networks"]) == 4
    assert -1 <= found["tau"]["low"] <= found["tau"]["tau"] <= found["tau"]["high"] <= 1
    assert all(n["inherited_loss"] > 0 and len(n["alone_loss"]) == 2 for n in found["networks"])
    assert -1 <= found["tau_loss"]["tau"] <= 1
    assert -1 <= found["tau_between_seeds_loss"] <= 1
    picture = ElementTree.parse(run / "supernet-eval.svg")
    assert len(picture.findall(".//{*}circle")) == 4

    records = (run / RECORDS).read_bytes()
    assert len(records.splitlines()) == 8
    # A training that was cut off in the middle of a line is done again, with the same result.
    (run / RECORDS).write_bytes(records[:-20])
    assert main(command) == 0
    assert "Kendall's tau" in capsys.readouterr().out
    again = [{**json.loads(line), "seconds": 0} for line in (run / RECORDS).read_text().splitlines()]
    assert again == [{**json.loads(line), "seconds": 0} for line in records.splitlines()]


def test_two_networks_have_no_order() -> None:
    with pytest.raises(UserError, match="3 networks or more, got 2"):
        EvalOrder(networks=2)
