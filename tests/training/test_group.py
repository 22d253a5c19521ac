"""Shares of a batch; what several processes do together is tested where they are started."""

import pytest
import torch
from torch import nn

from nas.errors import UserError
from nas.training.group import ALONE, Group


def test_shares_make_up_the_batch() -> None:
    batch = torch.arange(11)
    shares = [Group(rank, 3).share(batch) for rank in range(3)]
    assert torch.equal(torch.cat(shares), batch)
    assert [len(share) for share in shares] == [4, 4, 3]


def test_too_few_images_are_refused() -> None:
    with pytest.raises(UserError, match="batch of 5 images is too small for 3"):
        Group(0, 3).share(torch.arange(5))


def test_one_process_alone_changes_nothing() -> None:
    batch, module = torch.arange(1), nn.Linear(1, 1)
    assert torch.equal(ALONE.share(batch), batch)
    module(torch.ones(1, 1)).backward()
    ALONE.average(module, 1.0)
    assert module.weight.grad is not None
    assert module.weight.grad.item() == 1
    assert ALONE.mean({"loss": 2.0}, 1.0) == {"loss": 2.0}
    assert ALONE.any(True)
    assert not ALONE.any(False)
    assert ALONE.largest(3) == 3
