"""Winner against the best known design: by how much, and whether that is noise."""

from dataclasses import dataclass

import pytest

from nas.search.objective import Metrics
from nas.search.verdict import best_known, images_error, trainings_error, verdict


def judge(winner, rival, test_images, *, classes=10, found=1):
    return verdict(winner, rival, test_images, classes=classes, found=found)


@dataclass(frozen=True)
class Network:
    name: str
    metrics: Metrics
    known: bool = False
    test_accuracies: tuple[float, ...] = (0.9,)
    right: tuple[float, ...] = ()


def network(name="found", macs=10, latency_ms=1.0, accuracy=0.9, **fields):
    return Network(name, Metrics(macs, 1, latency_ms, 1, accuracy), **fields)


def test_a_better_winner_is_told_by_how_much():
    rival = network("plain", macs=20, latency_ms=2.0, known=True, test_accuracies=(0.80, 0.81, 0.79))
    found = judge(network(test_accuracies=(0.90, 0.91, 0.89)), rival, 10_000)
    assert found.points == pytest.approx(10)
    assert (found.macs_ratio, found.latency_ratio) == (0.5, 0.5)
    assert found.beyond_noise
    assert found.take is None
    assert "+10.0 points" in found.text
    assert "50 % fewer MACs, 50 % less latency" in found.text


def test_a_difference_within_the_noise_is_called_so():
    found = judge(network(test_accuracies=(0.91,)), network("plain", known=True), 100)
    assert found.points == pytest.approx(1)
    assert not found.beyond_noise
    assert "within the noise" in found.text


def test_a_known_design_that_is_better_in_all_is_the_answer():
    rival = network("mobilenetv2_050@32", macs=5, latency_ms=0.5, known=True, test_accuracies=(0.95,))
    found = judge(network(), rival, 1000)
    assert found.take == rival.name
    assert found.text.startswith("Take timm mobilenetv2_050 at 32 pixels")


def test_a_known_winner_is_the_answer():
    known = network("plain", known=True)
    assert judge(known, known, 1000).take == "plain"
    assert "no network that the search found was trained" in judge(known, known, 1000, found=0).text
    assert "the one network of the search" in judge(known, known, 1000, found=1).text
    assert "none of the 3 networks" in judge(known, known, 1000, found=3).text


def test_without_a_rival_nothing_is_claimed():
    found = judge(network(), None, 1000)
    assert found.points is None
    assert "nothing to compare with" in found.text


@pytest.mark.parametrize(("accuracy", "warned"), [(0.103, True), (0.131, True), (0.133, False), (0.9, False)])
@pytest.mark.parametrize("known", [True, False])
def test_a_winner_at_chance_is_called_no_better_than_guessing(accuracy, warned, known):
    winner = network(test_accuracies=(accuracy,), known=known)
    found = judge(winner, winner if known else None, 359)  # two standard errors of 359 images are 3.2 points
    assert found.guesses is warned
    assert ("no better than guessing" in found.text) is warned
    assert not judge(winner, None, 359, classes=1).guesses


def test_the_rival_is_whom_the_rule_would_take():
    dear = network("dear", macs=1000, accuracy=0.95, known=True)
    cheap = network("cheap", macs=10, accuracy=0.945, known=True)
    assert best_known([network(), dear, cheap]) is cheap
    assert best_known([network(), dear, cheap], rule="accuracy") is dear
    assert best_known([network()]) is None


def test_images_on_which_both_agree_are_no_noise():
    a = network(right=(1.0, 1.0, 0.0, 0.0))
    assert images_error(a, a, 4) == 0
    assert images_error(a, network(right=(1.0, 1.0, 0.0, 1.0)), 4) == pytest.approx((3 / 16) ** 0.5 / 2)


def test_single_trainings_say_nothing_of_their_noise():
    one, two = network(), network(test_accuracies=(0.8, 0.9))
    assert trainings_error(one, one) == 0
    assert trainings_error(one, two) == pytest.approx((0.005 / 2) ** 0.5)
