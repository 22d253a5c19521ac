from pathlib import Path

import pytest

from nas.errors import UserError
from nas.report import load_facts
from nas.report.documents import Documents, load_documents
from nas.report.facts import best_baseline, run_facts
from tests.report.run_documents import make_run


def facts(run):
    return run_facts(Documents(Path("runs/a"), run.result, tuple(run.candidates)))


def test_networks_come_trained_ones_first_each_once():
    networks = facts(make_run()).networks
    roles = [n.role for n in networks]
    assert roles[0] == "winner"
    assert roles == sorted(roles, key=["winner", "finalist", "baseline", "candidate"].index)
    assert len({n.digest for n in networks}) == len(networks)
    for role in ("finalist", "candidate"):
        macs = [n.macs for n in networks if n.role == role]
        assert macs
        assert macs == sorted(macs)


def test_only_those_with_test_accuracy_are_finalists():
    networks = facts(make_run()).networks
    assert all(
        (n.test_accuracy is not None) == (n.role == "finalist") for n in networks if n.role in ("finalist", "candidate")
    )


def test_a_zoo_model_that_wins_is_named_and_listed_once():
    run = make_run(complete=0)
    networks = facts(run).networks
    assert networks[0].name == "winner (mobilenetv3_small)"
    assert "mobilenetv3_small" not in [n.name for n in networks]


def test_a_candidate_that_was_trained_is_told_from_the_untrained_ones():
    found = facts(make_run())
    trained = {n.digest for n in found.networks if n.trained}
    assert len(trained) == 3 + 3  # the last of the front, the winner among them, and baselines
    assert {c.digest for c in found.candidates} - {c.digest for c in found.untrained} == trained


def test_the_best_baseline_is_feasible():
    assert best_baseline(facts(make_run())).name == "mobilenetv2"
    assert best_baseline(facts(make_run(baselines=0))) is None


def test_seeds_are_known_by_their_source():
    run = make_run(baselines=1)
    names = {c.seed for c in facts(run).candidates}
    assert names == {"mobilenetv2", None}


def test_documents_are_read_back(tmp_path):
    run = make_run()
    documents = load_documents(run.write(tmp_path / "run"))
    assert documents.result == run.result
    assert list(documents.candidates) == run.candidates


def test_a_half_written_last_line_is_left_out(tmp_path):
    folder = make_run().write(tmp_path / "run")
    with (folder / "candidates.jsonl").open("a") as file:
        file.write('{"number": 80, "dig')
    assert len(load_facts(folder).candidates) == 80


def test_a_run_without_candidates_is_only_its_result(tmp_path):
    folder = make_run().write(tmp_path / "run")
    (folder / "candidates.jsonl").unlink()
    assert load_facts(folder).candidates == ()


@pytest.mark.parametrize(("text", "message"), [(None, "not found"), ("{", "not valid JSON"), ("3", "mapping")])
def test_a_run_without_a_readable_result_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(UserError, match=message):
        load_facts(tmp_path)
