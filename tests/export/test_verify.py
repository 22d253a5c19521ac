import math

import numpy as np
import pytest
import torch
from torch import nn

from nas.export.verify import Difference, compare, judge, kernel_gap_db, verify


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval()


@pytest.fixture
def images():
    return torch.randn(11, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def test_a_faithful_file_has_no_difference(network, images):
    difference = verify(network, lambda x: network(torch.from_numpy(x)).detach().numpy(), images)
    assert difference.relative < 1e-6
    assert difference.top1_agreement == 1.0


def test_every_batch_size_is_run_and_no_image_is_left_out(network, images):
    seen = []

    def run(x):
        seen.append(len(x))
        return network(torch.from_numpy(x)).detach().numpy()

    verify(network, run, images, batch_sizes=(1, 8))
    assert seen == [1] * 11 + [8, 3]


def test_the_worst_batch_size_counts(network, images):
    def wrong_unless_batch_is_one(x):
        logits = network(torch.from_numpy(x)).detach().numpy()
        return logits if len(x) == 1 else -logits

    assert verify(network, wrong_unless_batch_is_one, images).relative > 0.5


def test_the_difference_is_relative_to_the_largest_logit():
    expected = np.array([[0.0, 100.0], [50.0, 0.0]], dtype=np.float32)
    difference = compare(expected, expected + np.float32(1.0))
    assert difference.max_abs == pytest.approx(1.0)
    assert difference.relative == pytest.approx(0.01)
    assert difference.top1_agreement == 1.0


def test_top1_agreement_is_the_share_of_equal_classes():
    expected = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], dtype=np.float32)
    actual = np.array([[0, 1], [1, 0], [1, 0], [1, 0]], dtype=np.float32)
    assert compare(expected, actual).top1_agreement == 0.75


@pytest.mark.parametrize("broken", [np.full((2, 2), np.nan), np.full((2, 2), np.inf), np.zeros((2, 3))])
def test_wrong_shapes_and_numbers_that_are_not_finite_are_infinitely_far(broken):
    difference = compare(np.ones((2, 2), dtype=np.float32), broken.astype(np.float32))
    assert difference.relative == math.inf
    assert difference.top1_agreement == 0.0


def test_sqnr_is_the_energy_of_the_logits_over_that_of_the_errors():
    expected = np.array([[3.0, 4.0]], dtype=np.float32)
    assert compare(expected, expected * np.float32(1.1)).sqnr_db == pytest.approx(20.0, abs=1e-3)
    assert compare(expected, expected).sqnr_db is None


def test_accuracies_are_of_the_same_images():
    expected = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], dtype=np.float32)
    actual = np.array([[0, 1], [1, 0], [1, 0], [1, 0]], dtype=np.float32)
    found = compare(expected, actual, np.array([1, 1, 1, 0]))
    assert (found.accuracy, found.reference_accuracy) == (0.5, 0.75)
    assert compare(expected, actual).accuracy is None


GOOD = Difference(0.1, 1e-6, 1.0, 30.0)


@pytest.mark.parametrize(
    ("found", "tolerance", "gap", "said"),
    [
        (GOOD, 1e-4, None, ""),
        (Difference(0.1, 2e-4, 1.0, 30.0), 1e-4, None, "relative difference 2.0e-04, allowed 1e-04"),
        (Difference(0.1, math.nan, 1.0), 1e-4, None, "relative difference nan"),
        (Difference(0.1, 0.5, 0.975, 20.0), None, 0.2, ""),
        (Difference(0.1, 1e-5, 0.975, 80.0), 1e-4, None, "same class on 97.5 %, needed 98 %"),
        (Difference(0.1, 0.5, 0.96, 20.0), None, 0.2, "same class on 96.0 %, needed 97 %"),
        (Difference(0.1, 0.5, 1.0, 0.0), None, 0.2, "SQNR 0.0 dB"),
        (Difference(0.1, 0.5, 1.0, 20.0), None, 1.6, "two sets of kernels 1.6 dB apart"),
    ],
)
def test_what_keeps_a_file_from_being_deployed_is_said(found, tolerance, gap, said):
    wrong = judge(found, tolerance=tolerance, kernel_gap=gap).shortcomings
    assert bool(wrong) == bool(said)
    assert said in "; ".join(wrong)


CHANGED = {"max_abs": 0.1, "relative": 0.5, "sqnr_db": 20.0, "images": 400}


@pytest.mark.parametrize(
    ("agreement", "reference", "accuracy", "changed", "passes"),
    [
        (0.96, 0.96, 0.955, 10, True),  # six images lost and four won
        (0.96, 0.55, 0.53, 16, True),  # a network that is not sure: twelve lost, four won
        (0.96, 0.96, 0.935, 12, False),  # eleven lost and one won
        (0.96, 0.90, 0.92, 8, True),  # better by chance
        (0.89, 0.96, 0.96, 20, False),  # too many for any excuse
        (0.96, None, None, None, False),  # nobody knows
    ],
)
def test_changed_classes_of_integers_are_judged_by_what_they_cost(agreement, reference, accuracy, changed, passes):
    found = Difference(
        top1_agreement=agreement, accuracy=accuracy, reference_accuracy=reference, changed=changed, **CHANGED
    )
    judgement = judge(found, tolerance=None)
    assert (not judgement.shortcomings) == passes
    assert bool(judgement.notes) == passes


def test_how_many_images_were_lost_and_won_is_said():
    found = Difference(top1_agreement=0.96, accuracy=0.53, reference_accuracy=0.55, changed=16, **CHANGED)
    assert "right on 12 images fewer and 4 more of 400" in judge(found, tolerance=None).notes[0]


def test_the_classes_of_random_weights_are_not_judged():
    found = Difference(0.1, 0.5, 0.3, 20.0)
    assert judge(found, tolerance=None).shortcomings
    judgement = judge(found, tolerance=None, trained=False)
    assert (judgement.shortcomings, judgement.notes) == ((), ("random weights: not judged by classes",))
    assert judge(Difference(0.1, 0.5, 0.3, 2.0), tolerance=None, trained=False).shortcomings


LOGITS = np.random.default_rng(0).standard_normal((16, 100)).astype(np.float32)
ROUGH = (LOGITS + 0.6 * np.random.default_rng(1).standard_normal(LOGITS.shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("actual", "passes"),
    [
        (ROUGH, True),  # 4.5 dB: an error of its own for every logit
        (0.5 * LOGITS, False),  # 6 dB: half of every logit
        (1.4 * LOGITS, False),
        (0 * LOGITS, False),
        (LOGITS[::-1], False),  # other images
        (np.roll(LOGITS, 1, axis=1), False),  # other classes
        (np.repeat(LOGITS.mean(axis=0, keepdims=True), 16, axis=0), False),  # all images alike
    ],
)
def test_random_weights_may_be_noisy_but_not_wrong(actual, passes):
    found = compare(LOGITS, actual.astype(np.float32))
    assert (not judge(found, tolerance=None, trained=False).shortcomings) == passes
    assert judge(found, tolerance=None).shortcomings  # not one is good enough for a trained network


def test_kernels_are_compared_by_the_size_of_their_errors(network, images):
    def noisy(share):
        return lambda x: (1 + share) * network(torch.from_numpy(x)).detach().numpy()

    assert kernel_gap_db(network, noisy(0.01), noisy(-0.01), images) == pytest.approx(0.0, abs=1e-3)
    assert kernel_gap_db(network, noisy(0.01), noisy(0.1), images) == pytest.approx(20.0, abs=1e-2)
