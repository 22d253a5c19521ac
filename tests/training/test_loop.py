from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nas.errors import UserError
from nas.training.loop import Callbacks, DivergedError, Progress, fit, lr_factor
from nas.training.recipe import Recipe

RECIPE = Recipe(epochs=4, lr=0.05, weight_decay=0.0, label_smoothing=0.0)


class Points:
    """Three batches an epoch of points on a line; the epoch decides which."""

    def __len__(self) -> int:
        return 3

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(number)
        for _ in range(3):
            x = torch.randn(16, 1, generator=generator)
            yield x, 2 * x + 1


class Regression:
    """Mean squared error, with dropout so that the random state matters; remembers its calls."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.numbers: list[int] = []

    def __call__(self, images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        self.numbers.append(number)
        loss = nn.functional.mse_loss(self.module(nn.functional.dropout(images, 0.1)), labels)
        loss.backward()
        return {"loss": loss.item()}


def line() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(1, 1)


def weights(module: nn.Module) -> list[float]:
    return [v.item() for p in module.parameters() for v in p.flatten()]


def test_the_loss_falls_and_the_result_tells_how() -> None:
    module = line()
    result = fit(module, Regression(module), Points(), dataclasses.replace(RECIPE, epochs=30))
    losses = [metrics["loss"] for metrics in result.history]
    assert len(losses) == 30
    assert losses[-1] < losses[0] / 3
    assert not result.stopped


def test_one_seed_gives_one_result_and_leaves_global_randomness_alone() -> None:
    def trained(seed: int) -> list[float]:
        module = line()
        fit(module, Regression(module), Points(), dataclasses.replace(RECIPE, seed=seed))
        return weights(module)

    torch.manual_seed(5)
    before = torch.get_rng_state()
    module = nn.Linear(1, 1)
    torch.set_rng_state(before)
    fit(module, Regression(module), Points(), RECIPE)
    assert torch.equal(torch.get_rng_state(), before)
    assert trained(0) == trained(0) != trained(1)


def test_several_backward_passes_add_up() -> None:
    def gradients(passes: int) -> float:
        module = line()
        seen: list[float] = []

        def step(images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
            before = [p.grad for p in module.parameters()]
            assert before == [None, None]  # the loop clears what the last step left
            for _ in range(passes):
                nn.functional.mse_loss(module(images), labels).backward()
            assert module.weight.grad is not None
            seen.append(module.weight.grad.item())
            return {"loss": 0.0}

        fit(module, step, Points(), dataclasses.replace(RECIPE, epochs=1))
        return seen[0]

    assert math.isclose(gradients(3), 3 * gradients(1), rel_tol=1e-5)


def test_progress_counts_every_step_and_estimates_the_rest() -> None:
    module = line()
    seen: list[Progress] = []
    epochs: list[int] = []
    hooks = Callbacks(progress=seen.append, on_epoch=lambda epoch, _: epochs.append(epoch))
    fit(module, Regression(module), Points(), RECIPE, callbacks=hooks)
    assert [(p.epoch, p.step) for p in seen] == [(1 + i // 3, 1 + i) for i in range(12)]
    assert {(p.epochs, p.steps) for p in seen} == {(4, 12)}
    assert epochs == [1, 2, 3, 4]
    assert seen[-1].seconds_left == 0
    assert math.isclose(seen[5].seconds_left, seen[5].seconds)  # half done


def test_should_stop_ends_the_training_at_once() -> None:
    module = line()
    step = Regression(module)
    result = fit(module, step, Points(), RECIPE, callbacks=Callbacks(should_stop=lambda: len(step.numbers) == 4))
    assert result.stopped
    assert step.numbers == [0, 1, 2, 3]
    assert len(result.history) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_it_spoils_the_weights(bad: float) -> None:
    module = line()
    start = weights(module)

    def step(images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        module(images).sum().backward()
        return {"loss": bad}

    with pytest.raises(DivergedError, match=r"loss is (nan|inf) at step 1 of 12 \(epoch 1\)"):
        fit(module, step, Points(), RECIPE)
    assert weights(module) == start


@pytest.mark.parametrize("clip", [1.0, None])
def test_a_gradient_that_is_no_number_is_noticed(clip: float | None) -> None:
    module = line()

    def step(images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        (module(images).sum() * math.inf).backward()
        return {"loss": 0.0}

    with pytest.raises(DivergedError, match="gradient is"):
        fit(module, step, Points(), dataclasses.replace(RECIPE, grad_clip=clip))


def test_clipping_bounds_the_step() -> None:
    def moved(clip: float | None) -> float:
        module = line()
        start = weights(module)
        recipe = dataclasses.replace(RECIPE, epochs=1, grad_clip=clip, optimizer="sgd", warmup_fraction=0.0, lr=0.1)
        fit(module, Regression(module), Points(), recipe)
        return math.dist(start, weights(module))

    assert moved(0.01) <= 3 * 0.1 * 0.01 * 10 < moved(None)  # momentum 0.9 sums up to 10 steps


def test_the_average_of_the_weights_lags_behind() -> None:
    def distance(ema_decay: float | None) -> float:
        module = line()
        recipe = dataclasses.replace(RECIPE, epochs=10, lr=0.5, grad_clip=None, ema_decay=ema_decay)
        fit(module, Regression(module), Points(), recipe)
        return math.dist(weights(module), (2, 1))

    assert distance(0.999) != distance(None)


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_a_killed_training_continues_as_if_nothing_happened(tmp_path: Path, ema_decay: float | None) -> None:
    recipe = dataclasses.replace(RECIPE, ema_decay=ema_decay)
    whole = line()
    wanted = fit(whole, Regression(whole), Points(), recipe)

    path = tmp_path / "state.pt"
    killed = line()
    step = Regression(killed)

    def kill(epoch: int, metrics: Mapping[str, float]) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(killed, step, Points(), recipe, callbacks=Callbacks(on_epoch=kill), checkpoint=path)

    resumed = nn.Linear(1, 1)
    step = Regression(resumed)
    result = fit(resumed, step, Points(), recipe, checkpoint=path)
    assert step.numbers == [6, 7, 8, 9, 10, 11]
    assert weights(resumed) == weights(whole)
    assert result.history == wanted.history

    finished = nn.Linear(1, 1)
    step = Regression(finished)
    fit(finished, step, Points(), recipe, checkpoint=path)
    assert step.numbers == []
    assert weights(finished) == weights(whole)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    module = line()
    fit(module, Regression(module), Points(), RECIPE, checkpoint=path)
    with pytest.raises(UserError, match=r"state\.pt: belongs to a training with another recipe"):
        fit(module, Regression(module), Points(), dataclasses.replace(RECIPE, lr=0.1), checkpoint=path)
    other = nn.Linear(1, 2)
    with pytest.raises(UserError, match=r"state\.pt: belongs to another network"):
        fit(other, Regression(other), Points(), RECIPE, checkpoint=path)


def test_no_batches_is_a_clear_error() -> None:
    class Nothing(Points):
        def __len__(self) -> int:
            return 0

    module = line()
    with pytest.raises(UserError, match="no training batches"):
        fit(module, Regression(module), Nothing(), RECIPE)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    factors = [lr_factor(step, 100, 10) for step in range(101)]
    assert factors[:10] == sorted(factors[:10])
    assert factors[10] == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert math.isclose(factors[55], 0.5)
    assert factors[100] == 0
    assert factors[0] > 0


def test_seconds_are_measured() -> None:
    module = line()
    hooks = Callbacks(progress=lambda _: time.sleep(0.001))
    assert fit(module, Regression(module), Points(), RECIPE, callbacks=hooks).seconds >= 0.012


def test_time_that_runs_faster_than_steps_lowers_the_rate_and_ends_the_training_well() -> None:
    rates: list[float] = []
    shares = iter([0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 1.0])
    now = [0.0]

    def share() -> float:
        return now[0]

    class Noting(Regression):
        def __call__(self, images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
            now[0] = next(shares)
            return super().__call__(images, labels, number)

    module = line()
    recipe = dataclasses.replace(RECIPE, epochs=100, warmup_fraction=0.0, optimizer="sgd", momentum=0.9)
    seen = weights(module)

    def note(_: Progress) -> None:
        rates.append(math.dist(seen, weights(module)))

    result = fit(module, Noting(module), Points(), recipe, callbacks=Callbacks(progress=note, time_share=share))
    assert result.stopped
    assert len(rates) == 7  # of 300 steps
    assert abs(rates[-1] - rates[-2]) < 0.05 * abs(rates[1] - rates[0])  # steps are tiny when time is nearly over
