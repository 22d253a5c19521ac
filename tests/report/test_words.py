from pathlib import Path

import pytest

from nas.report import words
from nas.report.documents import Documents
from nas.report.facts import run_facts
from tests.report.run_documents import make_run


def facts(run):
    return run_facts(Documents(Path("runs/my run"), run.result, tuple(run.candidates)))


def test_datasheet_numbers_are_never_called_measurements():
    run = make_run()
    run.result["evidence"]["kind"] = "datasheet"
    sentence, figures, _ = words.evidence(facts(run))
    assert "No network was ever measured" in sentence
    assert figures == ()


def test_a_winner_that_was_measured_shows_it():
    run = make_run()
    row = {"digest": run.result["winner"]["digest"], "measured_ms": 1.25}
    run.result["measured"] = {"engine": "TensorRT", "device": "Orin", "networks": [row], "differs_from_target": []}
    assert ("the winner, measured", "1.25 ms with TensorRT on Orin") in words.evidence(facts(run))[1]
    run.result["measured"]["differs_from_target"] = ["fp32 instead of fp16"]
    assert words.evidence(facts(run))[1][-1][1].endswith("not the target: fp32 instead of fp16")


@pytest.mark.parametrize("kind", ["measured", "published"])
def test_measured_latencies_come_with_their_error(kind):
    run = make_run()
    run.result["evidence"]["kind"] = kind
    sentence, figures, sources = words.evidence(facts(run))
    assert kind in sentence
    assert "estimates" in sentence
    assert ("cross-validated error (MAPE)", "9.0 %") in figures
    assert len(sources) == 1


def test_the_tiles_compare_with_the_best_baseline_that_fits():
    tiles = {tile.name: tile for tile in words.tiles(facts(make_run()))}
    assert tiles["test accuracy"].value == "96.8 %"
    assert tiles["test accuracy"].note == "mobilenetv2: 93.7 %"
    assert tiles["estimated latency"].note.endswith("63 % of the budget")
    assert "than mobilenetv2" in tiles["MACs"].note


def test_networks_that_training_made_worse_are_named():
    run = make_run()
    assert "inherited weights" not in words.accuracies_note(facts(run))
    run.result["winner"]["keeps_inherited_weights"] = True
    assert "winner has inherited weights: training made them worse" in words.accuracies_note(facts(run))


def test_a_search_without_a_test_shows_search_accuracy():
    run = make_run()
    run.result["winner"]["test_accuracy"] = None
    assert words.tiles(facts(run))[0].name == "search accuracy"


def test_no_winner_has_no_tiles_and_a_verdict():
    run = make_run(complete=0, infeasible=3, baselines=0)
    run.result["verdict"] = None
    assert words.tiles(facts(run)) == ()
    assert words.verdict(facts(run)) == "No network within the budget was found."


def test_the_budget_says_where_it_comes_from():
    run = make_run()
    run.result["budget"]["params"] = 500_000
    assert words.limits(facts(run)) == (
        "latency at most 1.20 ms (derived from the target and the space), parameters at most 500 k; "
        "41 % of the search space fits"
    )


def test_a_budget_that_hardly_anything_keeps_is_not_said_to_be_kept_by_nothing():
    run = make_run()
    run.result["budget"] |= {"feasible_share": 0.0, "margin": 0.1}
    assert words.limits(facts(run)) == (
        "latency at most 1.20 ms with 10 % added to an estimate (derived from the target and the space); "
        "under 1 % of the search space fits"
    )


def test_the_note_says_which_accuracy_is_of_which_kind():
    run = make_run()
    run.result["evaluator"] = {"scores": "with shared weights, before its own training"}
    note = words.networks_note(facts(run), len(facts(run).networks))
    assert "of winner, finalists and baselines, each after its final training" in note
    assert "of candidates (the front as the search saw it), each with shared weights, before its own training" in note
    assert "with shared weights" in words.history_note(facts(run))
    run.result["front"] = []
    assert "candidates" not in words.networks_note(facts(run), len(facts(run).networks))


def test_the_slack_of_the_rule_is_in_points():
    run = make_run()
    run.result |= {"select": "accuracy_per_mac", "accuracy_slack": 0.005}
    assert dict(words.course(facts(run)))["winner chosen by"] == (
        "accuracy per MAC, within 0.5 points of the best accuracy"
    )


def test_how_a_supernet_was_taught_is_told_where_not_as_by_default():
    run = make_run()
    run.result["evaluator"] = {"scores": "with shared weights"}
    assert dict(words.course(facts(run)))["candidates scored"] == "with shared weights"
    run.result["evaluator"]["supernet_divergence"] = "alpha"
    assert "--supernet-divergence alpha" in dict(words.course(facts(run)))["candidates scored"]


def test_commands_can_be_pasted():
    commands = [command for command, _ in words.commands(facts(make_run()))]
    assert "nas export 'runs/my run' --format onnx" in commands


def test_a_rejected_file_is_said_to_be_rejected():
    run = make_run()
    run.result["verification"][0] |= {"passed": False, "max_abs_difference": None}
    [line] = words.verifications(facts(run))
    assert "REJECTED" in line
    assert "not finite" in line


def test_integers_are_judged_by_classes_and_accuracy():
    run = make_run()
    run.result["verification"][0] |= {
        **{"format": "tflite-int8", "calibration_images": 128, "max_abs_difference": 0.4},
        **{"top1_agreement": 0.992, "accuracy": 0.975, "pytorch_accuracy": 0.981},
    }
    [line] = words.verifications(facts(run))
    assert line.startswith("tflite-int8 agrees with PyTorch (64 images, same class on 99.2 %")
    assert "accuracy 97.5 % against 98.1 %" in line


def test_an_extrapolated_latency_and_the_profiles_own_note_are_told():
    run = make_run()
    run.result["evidence"]["note"] = "One family of networks."
    run.result["winner"]["extrapolated"] = True
    sentence, _, _ = words.evidence(facts(run))
    assert "One family of networks." in sentence
    assert "extrapolation" in sentence
