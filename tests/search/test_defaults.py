"""What a search does where the user left it open."""

from dataclasses import replace

import pytest

from nas.errors import UserError
from nas.search import target
from nas.search.defaults import Wishes, plan
from nas.search.objective import Constraints


def test_weights_stay_on_the_chip_unless_another_limit_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "SHARE_SAMPLES", 5)
    wishes = Wishes(target="coral-edgetpu", constraints=Constraints(latency_ms=5.0))
    assert plan(wishes).constraints.params == 7_235_000
    given = Wishes(target="coral-edgetpu", constraints=Constraints(latency_ms=5.0, params=9_000_000))
    assert plan(given).constraints.params == 9_000_000
    assert plan(Wishes(target="host-cpu", constraints=Constraints(latency_ms=5.0))).constraints.params is None


def test_how_subnets_learn_is_a_choice(toy_wishes: Wishes) -> None:
    assert plan(toy_wishes).effort.supernet.distill_divergence == "kl"
    config = plan(replace(toy_wishes, supernet_divergence="alpha"))
    assert (config.effort.supernet.distill_divergence, config.effort.finalist.distill_divergence) == ("alpha", "kl")
    with pytest.raises(UserError, match="unknown divergence 'alfa'.*did you mean 'alpha'"):
        plan(replace(toy_wishes, supernet_divergence="alfa"))
    with pytest.raises(UserError, match="--supernet-divergence would do nothing with --evaluator train"):
        plan(replace(toy_wishes, supernet_epochs=None, evaluator="train", supernet_divergence="alpha"))
