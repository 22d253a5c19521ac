from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from nas.compress.chain import Outcome
from nas.compress.measure import Row
from nas.report.compression import compression_markdown, compression_note, compression_table
from nas.report.compression_chart import draw_chain


def outcome(last: str, *, computed: bool) -> Outcome:
    before = Row("before", 0.98, 40_000, False, 45_000, 10_000_000, 10_000, 0.5, 0.4)
    after = Row(last, 0.975, 10_000, computed, 15_000, 5_000_000, 10_000, None, 0.2, "done")
    return Outcome(Path("a"), "host-cpu", "fp32", (before, after), (0.97, 0.96), 359, 359)


def test_computed_sizes_are_marked_and_missing_predictions_left_out() -> None:
    row = compression_table(outcome("int4", computed=True)).rows[1]
    assert row[2].startswith("~")
    assert row[6] == "–"
    assert "computed" in compression_note(outcome("int4", computed=True))
    assert "computed" not in compression_note(outcome("int8", computed=False))


def test_the_note_says_what_was_gained_and_lost() -> None:
    note = compression_note(outcome("int8", computed=False))
    assert "weights 4.0x smaller" in note
    assert "measured 2.00x as quick" in note
    assert "-0.5 points" in note
    assert "97.0 % before, 96.0 % after" in note


def test_what_is_slower_is_not_told_as_quick() -> None:
    chain = outcome("int8", computed=False)
    first, last = chain.rows[0], chain.rows[-1]
    slower = replace(chain, rows=(first, replace(last, measured_ms=1.25 * first.measured_ms)))
    assert "measured slower: 1.25x the time" in compression_note(slower)
    assert "as quick" not in draw_chain(slower, "a")


def test_loading_a_quantised_program_names_its_operators() -> None:
    assert "torchao" in compression_markdown(outcome("int8", computed=False))
    assert "torchao" not in compression_markdown(outcome("prune:0.5", computed=False))


def test_the_picture_names_every_step_where_its_figures_are() -> None:
    root = ElementTree.fromstring(draw_chain(outcome("int8", computed=False), "runs/<a>"))
    words = [node.text or "" for node in root.iter() if node.tag.endswith("text")]
    assert words[0] == "runs/<a>: int8"
    assert "4.0x smaller, 2.00x as quick" in words[1]
    assert words.count("before") == words.count("int8") == 2
    dots = [node for node in root.iter() if node.tag.endswith("circle")]
    before, after, *_ = ((float(dot.get("cx", 0)), float(dot.get("cy", 0))) for dot in dots)
    assert after[0] < before[0]  # smaller: to the left
    assert after[1] > before[1]  # less accurate: lower
