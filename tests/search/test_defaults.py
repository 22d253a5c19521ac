"""What a search does where the user left it open."""

import pytest

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
