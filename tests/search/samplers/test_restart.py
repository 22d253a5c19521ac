"""When a search begins anew."""

from nas import pareto
from nas.search.samplers.history import History
from nas.search.samplers.restart import PATIENCE, since_restart


def history(accuracies):
    scores = tuple((accuracy, 0.0) for accuracy in accuracies)
    return History(tuple(range(len(scores))), scores, (), tuple(pareto.front(scores)), len(scores))


def test_a_search_that_finds_better_ones_goes_on():
    assert len(since_restart(history([i / 100 for i in range(60)])).points) == 60
    assert len(since_restart(history([0.9, *[0.5] * (PATIENCE - 1)])).points) == PATIENCE


def test_after_long_without_anything_better_all_before_is_left_behind():
    lately = since_restart(history([0.9, *[0.5] * PATIENCE, 0.3, 0.4]))
    assert [score for score, _ in lately.scores] == [0.3, 0.4]
    assert lately.front == (1,)
    assert lately.evaluated == 2


def test_a_search_restarts_again_and_again():
    round_ = [0.6, *[0.5] * PATIENCE]
    assert since_restart(history(round_ * 3)).points == ()
    assert len(since_restart(history([*round_, *round_, 0.4, 0.2])).points) == 2


def test_what_beats_all_before_ends_the_restart():
    found = [0.6, *[0.5] * PATIENCE, 0.3, 0.7]
    assert len(since_restart(history(found)).points) == len(found)


def test_nothing_evaluated_is_no_restart():
    assert since_restart(history([])).points == ()
