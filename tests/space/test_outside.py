"""What keeps an architecture out of a space is said in words."""

import random
import re
from dataclasses import replace

import pytest

from nas.blocks import block_types
from nas.space.ends import Head, Stem
from nas.space.outside import reason_outside
from nas.space.space import load_space

SPACE = load_space("tiny-hybrid").for_classes(3)
INSIDE = SPACE.smallest()


def with_block(**changes: object):
    first, *rest = INSIDE.stages[0]
    return replace(INSIDE, stages=((replace(first, **changes), *rest), *INSIDE.stages[1:]))


@pytest.mark.parametrize("seed", range(5))
def test_nothing_keeps_a_point_out(seed: int) -> None:
    assert reason_outside(SPACE.sample(random.Random(seed)), SPACE) is None


def test_each_part_is_named_with_what_there_is() -> None:
    conv = block_types()["conv"](out_chs=INSIDE.stages[0][0].out_chs, stride=2)  # type: ignore[call-arg]
    changed = {
        r"the image's side is 33, where the space has \d+": replace(INSIDE, resolution=33),
        "out_chs of the stem is 17, where": replace(INSIDE, stem=Stem(17, stride=INSIDE.stem.stride)),
        "it has 3 stages, the space 4": replace(INSIDE, stages=INSIDE.stages[:3]),
        "the number of blocks in stage 0 is 9, where": replace(
            INSIDE, stages=(INSIDE.stages[0] + (replace(INSIDE.stages[0][0], stride=1),) * 8, *INSIDE.stages[1:])
        ),
        "kernel_size of block 0 of stage 0 is 13, where": with_block(kernel_size=13),
        "block 0 of stage 0 is conv, where": replace(INSIDE, stages=((conv,), *INSIDE.stages[1:])),
        "the stride of block 0 of stage 0 is 1, where the space has 2": with_block(stride=1),
        "the head is pool_conv, where": replace(INSIDE, head=Head("pool_conv", 128)),
    }
    for words, architecture in changed.items():
        reason = reason_outside(architecture, SPACE)
        assert reason is not None
        assert re.match(words, reason), reason
