"""Where to measure next: families never seen, then bad neighbourhoods, then distance."""

from nas.hardware.sampling import Point, feature, next_points


def line(family, *places):
    return [Point(f"{family}{x}", family, (float(x), 0.0, 0.0)) for x in places]


def keys(points):
    return [point.key for point in points]


def test_features_are_logarithms():
    assert feature(1023, 0, 3) == (10.0, 0.0, 2.0)


def test_a_family_that_was_never_measured_comes_first():
    pool = [*line("a", 0, 1, 2, 9), *line("b", 5)]
    assert keys(next_points(pool, {"a0": 0.9}, 1)) == ["b5"]


def test_the_first_round_covers_the_range():
    chosen = next_points(line("a", *range(11)), {}, 3)
    places = sorted(point.feature[0] for point in chosen)
    assert places[-1] - places[0] == 10


def test_bad_predictions_draw_measurements():
    pool = line("a", 0, 2, 10, 12)
    assert keys(next_points(pool, {"a0": 0.5, "a10": 0.03}, 1)) == ["a2"]
    assert keys(next_points(pool, {"a0": 0.03, "a10": 0.5}, 1)) == ["a12"]


def test_nothing_is_measured_twice():
    pool = line("a", 0, 1, 2)
    assert keys(next_points(pool, {"a0": 0.1, "a1": 0.1}, 5)) == ["a2"]
    assert next_points(pool, {point.key: 0.1 for point in pool}, 5) == []
