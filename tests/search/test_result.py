"""What ``result.json`` says of how candidates were scored."""

from dataclasses import replace

from nas.search.config import Effort, SearchConfig
from nas.search.evaluators import Order
from nas.search.objective import Constraints
from nas.search.result import evaluator_entry
from nas.training.recipe import Recipe

EFFORT = Effort(supernet=Recipe(epochs=2), finalist=Recipe(epochs=2))
CONFIG = SearchConfig("jetson-orin", "tiny-hybrid", "digits", Constraints(latency_ms=1.2), EFFORT)


def test_the_divergence_of_a_supernet_is_told_where_it_is_not_the_default() -> None:
    alpha = replace(EFFORT, supernet=replace(EFFORT.supernet, distill_divergence="alpha"))
    assert "supernet_divergence" not in evaluator_entry(CONFIG)
    assert evaluator_entry(replace(CONFIG, effort=alpha))["supernet_divergence"] == "alpha"
    alone = replace(CONFIG, effort=alpha, evaluator=Order("proxy", "macs"))
    assert "supernet_divergence" not in evaluator_entry(alone)
