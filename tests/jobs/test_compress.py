from pathlib import Path

import pytest

from nas.compress import parse_steps
from nas.compress.chain import Wishes
from nas.errors import UserError
from nas.jobs.compress import Order, _default_folder, compress_network
from nas.search.stopping import InterruptedRunError
from nas.search.watch import Silent


def test_results_lie_in_the_run_under_their_steps() -> None:
    wishes = Wishes(parse_steps("distill:3,prune:0.3,sparse:2:4"))
    assert _default_folder("runs/a", wishes) == Path("runs/a/compressed/distill3-prune0.3-sparse24")
    assert _default_folder("timm:resnet18=w.pth", wishes) == Path("compressed/resnet18-distill3-prune0.3-sparse24")


def test_a_stopped_compression_says_that_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.compress.chain.compress", stopped)
    order = Order("timm:lcnet_050", resolution=32)
    with pytest.raises(InterruptedRunError, match="the same command continues") as caught:
        compress_network(order, Wishes(parse_steps("int8")), tmp_path, Silent())
    assert caught.value.exit_code == 130


def test_what_a_run_brings_cannot_be_given(tmp_path: Path) -> None:
    order = Order(str(tmp_path), data="digits", resolution=32)
    with pytest.raises(UserError, match="leave out --data, --resolution"):
        compress_network(order, Wishes(parse_steps("int8")), None, Silent())
