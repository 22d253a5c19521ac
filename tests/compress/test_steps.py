import pytest

from nas.compress.steps import METHODS, Step, parse_steps
from nas.errors import UserError


def test_a_chain_is_read_in_order() -> None:
    steps = parse_steps("distill:3, prune:0.3,lowrank:0.9,sparse:2:4,int8")
    assert steps == (
        Step("distill", 3.0),
        Step("prune", 0.3),
        Step("lowrank", 0.9),
        Step("sparse", "2:4"),
        Step("int8"),
    )
    assert ",".join(map(str, steps)) == "distill:3,prune:0.3,lowrank:0.9,sparse:2:4,int8"


def test_epochs_are_the_steps_own_where_it_names_them() -> None:
    assert Step("distill", 3.0).epochs(9) == 3
    assert Step("prune", 0.3).epochs(9) == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name at least one"),
        ("prun:0.3", "did you mean 'prune'?"),
        ("prune", "it needs the share of channels removed, between 0 and 1"),
        ("prune:1", "must lie between 0 and 1, got '1'"),
        ("prune:nan", "must lie between 0 and 1"),
        ("lowrank:90", "share of energy kept"),
        ("sparse:1:4", "share of zeros"),
        ("distill:0", "whole number of at least 1"),
        ("distill:1.5", "whole number of at least 1"),
        ("int8:4", "takes no value"),
        ("int8,prune:0.3", "prune:0.3 cannot follow int8"),
        ("int4,int8", "it would round twice"),
        ("sparse:0.5,distill", "it would fill the zeros; put distill first"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        parse_steps(text)


@pytest.mark.parametrize("name", METHODS)
def test_every_form_begins_with_its_name(name: str) -> None:
    assert METHODS[name].form.startswith(name)
