"""Spaces restricted to a target: nothing sampled needs what the target cannot run."""

import random
from dataclasses import replace

import pytest

from nas.cost.cost import architecture_parts, trace_part
from nas.errors import UserError
from nas.hardware.profile import load_profile, profile_names
from nas.hardware.restrict import unsupported_ops
from nas.hardware.space import restrict
from nas.space.document import space_names
from nas.space.space import load_space


@pytest.mark.parametrize("target", profile_names())
@pytest.mark.parametrize("name", space_names())
def test_samples_run_on_the_target(name: str, target: str) -> None:
    profile, space = load_profile(target), load_space(name)
    restriction, rng = restrict(space, profile), random.Random(0)
    for _ in range(100):
        architecture = restriction.space.sample(rng)
        assert space.contains(architecture)
        for part, shape in architecture_parts(architecture):
            assert not unsupported_ops(profile, trace_part(part, shape))


def test_coral_has_no_attention_and_says_why() -> None:
    restriction = restrict(load_space("tiny-hybrid"), load_profile("coral-edgetpu"))
    kinds = {family.kind for stage in restriction.space.stages for family in stage.families}
    assert kinds.isdisjoint({"transformer", "mobile_attention"})
    assert any("transformer" in line and "matmul" in line for line in restriction.removed)
    assert any("hard_swish" in line for line in restriction.removed)


def test_changed_seeds_have_another_name() -> None:
    space = load_space("tiny-hybrid")
    restriction = restrict(space, load_profile("coral-edgetpu"))
    names = [name for name, _ in restriction.seeds(space)]
    assert "mobilenetv2-small" in names
    assert any(name.endswith("-adapted") for name in names)
    assert all(restriction.space.contains(a) for _, a in restriction.seeds(space))


def test_a_target_that_runs_nothing_is_an_error() -> None:
    profile = load_profile("coral-edgetpu")
    nothing = replace(profile, limits=replace(profile.limits, unsupported=("conv2d",)))
    with pytest.raises(UserError, match="can run no stem"):
        restrict(load_space("tiny-hybrid"), nothing)
