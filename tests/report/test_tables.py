from dataclasses import replace

from nas.report import networks_table, to_markdown, to_text
from nas.report.facts import NetworkFacts
from nas.report.tables import Table, display_width, shortlist, to_html

NETWORK = NetworkFacts(
    name="winner",
    role="winner",
    digest="d",
    macs=5_100_000,
    params=373_000,
    latency_ms=0.753,
    latency_interval_ms=None,
    peak_memory_bytes=217_000,
    search_accuracy=0.98,
    test_accuracy=None,
    accuracy_per_gmac=19_223.4,
    feasible=True,
)
BASELINE = replace(NETWORK, name="日本|<b>", role="baseline", macs=900_000, feasible=False, test_accuracy=0.9)


def column(table, start):
    index = next(i for i, header in enumerate(table.headers) if header.startswith(start))
    return table.headers[index], [row[index] for row in table.rows]


def test_a_column_has_one_unit_and_one_number_of_decimals():
    table = networks_table([NETWORK, BASELINE])
    assert column(table, "MACs") == ("MACs (M)", ["5.100", "0.900"])
    assert column(table, "params") == ("params (k)", ["373.0", "373.0"])
    assert column(table, "est. latency") == ("est. latency (ms)", ["0.753", "0.753"])


def test_accuracy_per_gmac_is_always_there():
    assert column(networks_table([NETWORK]), "accuracy per GMAC") == ("accuracy per GMAC (points)", ["19,223"])


def test_a_network_scored_in_two_precisions_shows_both():
    both = replace(NETWORK, test_accuracy=0.97, test_by_precision={"int8": 0.97, "float": 0.98})
    table = networks_table([both, BASELINE])
    assert column(table, "test, int8") == ("test, int8 (%)", ["97.0", "–"])
    assert column(table, "test, float")[1] == ["98.0", "–"]
    one = networks_table([replace(both, test_by_precision={"float": 0.98}), BASELINE])
    assert not any(header.startswith("test, ") for header in one.headers)


def test_a_score_that_only_ranks_is_called_one():
    table = networks_table([NETWORK], ranked=True)
    assert column(table, "rank score")[1] == ["98.0"]
    assert column(table, "accuracy per GMAC")[1] == column(table, "test accuracy")[1]


def test_what_is_unknown_is_a_dash_and_over_budget_is_said():
    table = networks_table([NETWORK, BASELINE])
    assert column(table, "test accuracy")[1] == ["–", "90.0"]
    assert column(table, "role")[1] == ["winner", "baseline, over budget"]
    assert table.marked == {0}


def test_columns_of_text_tables_are_aligned_also_with_wide_characters():
    lines = to_text(networks_table([NETWORK, BASELINE])).splitlines()
    assert len({display_width(line) for line in lines}) == 1
    assert lines[2].startswith("winner    ")


def test_numbers_are_right_aligned():
    text = to_text(Table(("name", "n"), (("a", "1"), ("b", "1000"))))
    assert text.splitlines() == ["name     n", "────  ────", "a        1", "b     1000"]


def test_markdown_has_a_rule_and_no_cell_breaks_it():
    lines = to_markdown(Table(("name", "n"), (("a|b\n<i>", "1"),))).splitlines()
    assert lines == ["| name        |   n |", "| ----------- | --: |", "| a\\|b &lt;i> |   1 |"]


def test_html_escapes_and_marks():
    markup = to_html(networks_table([NETWORK, BASELINE]))
    assert "日本|&lt;b&gt;" in markup
    assert markup.count('class="marked"') == 1


def test_an_empty_table_is_a_header():
    assert len(to_text(networks_table([])).splitlines()) == 2


def test_a_long_front_is_thinned_evenly_and_the_others_stay():
    front = [replace(NETWORK, role="candidate", digest=str(i), macs=i) for i in range(100)]
    kept = shortlist([NETWORK, *front, BASELINE], most=20)
    assert kept[0] == NETWORK
    assert kept[-1] == BASELINE
    assert [n.macs for n in kept[1:-1]] == list(range(0, 100, 5))
    assert shortlist(front[:20], most=20) == tuple(front[:20])
