"""What two searches differ in: what a user named comes first, what follows from it is left out."""

from dataclasses import replace

from nas.jobs.taking_up import differences
from nas.search.config import Effort, SearchConfig, Workers
from nas.search.objective import Constraints
from nas.training.recipe import Recipe

CONFIG = SearchConfig(
    target="jetson-orin",
    space="tiny-hybrid",
    data="digits",
    constraints=Constraints(latency_ms=1.2),
    effort=Effort(supernet=Recipe(epochs=2), finalist=Recipe(epochs=2)),
    derived=True,
    feasible_share=0.4,
)


def test_what_the_user_named_comes_first_and_derived_figures_are_left_out() -> None:
    effort = replace(CONFIG.effort, supernet=Recipe(epochs=3, seed=1), finalist=Recipe(epochs=2, seed=1))
    other = replace(
        CONFIG, target="host-cpu", seed=1, effort=effort, constraints=Constraints(latency_ms=0.2), feasible_share=0.1
    )
    assert differences(other, CONFIG) == [
        "target: jetson-orin there, host-cpu here",
        "seed: 0 there, 1 here",
        "effort.supernet.epochs: 2 there, 3 here",
    ]


def test_a_limit_that_was_given_is_told() -> None:
    other = replace(CONFIG, constraints=Constraints(latency_ms=0.2), derived=False, feasible_share=0.1)
    assert differences(other, CONFIG) == ["constraints.latency_ms: 1.2 there, 0.2 here"]


def test_a_derived_limit_is_told_where_nothing_else_differs() -> None:
    other = replace(CONFIG, constraints=Constraints(latency_ms=0.2))  # such as of a profile that was fitted anew
    assert differences(other, CONFIG) == ["constraints.latency_ms: 1.2 there, 0.2 here"]


def test_a_field_that_a_document_leaves_out_is_told_as_its_default() -> None:
    effort = replace(CONFIG.effort, supernet=replace(CONFIG.effort.supernet, distill_divergence="alpha"))
    told = differences(replace(CONFIG, effort=effort), CONFIG)
    assert told == ["effort.supernet.distill_divergence: kl there, alpha here"]


def test_where_a_search_runs_is_no_difference() -> None:
    assert differences(replace(CONFIG, workers=Workers(count=3)), CONFIG) == []
