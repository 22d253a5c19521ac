import itertools
import random

from nas.report.labels import Box, place, shortened, text_width

BOUNDS = Box(0, 0, 500, 300)


def test_names_cover_neither_each_other_nor_leave_the_plot():
    rng = random.Random(0)
    points = [(rng.uniform(150, 350), rng.uniform(100, 200), f"network {i}") for i in range(10)]
    labels = place(points, BOUNDS)
    assert len(labels) == 10
    assert all(BOUNDS.holds(label.box) for label in labels)
    assert all(a.box.overlap(b.box) == 0 for a, b in itertools.combinations(labels, 2))


def test_points_at_one_place_get_different_places_for_their_names():
    labels = place([(250, 150, "a"), (250, 150, "b"), (250, 150, "c")], BOUNDS)
    assert all(a.box.overlap(b.box) == 0 for a, b in itertools.combinations(labels, 2))


def test_a_name_at_the_right_edge_goes_to_the_left():
    [label] = place([(498, 150, "a long name")], BOUNDS)
    assert label.box.right < 498


def test_a_lonely_name_stands_close_and_needs_no_line():
    [label] = place([(250, 150, "a")], BOUNDS)
    assert not label.far
    assert label.box.left - 250 < 15


def test_long_names_are_cut():
    assert shortened("abc", 100) == "abc"
    cut = shortened("a" * 100, 100)
    assert cut.endswith("…")
    assert text_width(cut) <= 100


def test_wide_characters_are_wider():
    assert text_width("日本") > text_width("ab")
