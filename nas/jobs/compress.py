"""Compressing the winner of a run, or a timm model: what the command line and library callers use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas import torch_compat
from nas.errors import Terminated, UserError
from nas.runs import write_atomic
from nas.search.watch import Watch

if TYPE_CHECKING:
    from nas.compress.chain import Outcome, Wishes
    from nas.compress.subject import Subject

_TIMM = "timm:"
_FOLDER = "compressed"
MARKDOWN, PICTURE = "table.md", "chain.svg"


@dataclass(frozen=True, slots=True)
class Order:
    """What to compress, besides the steps.

    Attributes:
        network: a run, ``timm:NAME`` or ``timm:NAME=FILE``.
        data: name or path of the data set of a timm model; None takes the digits.
        data_root: folder that it is looked for in.
        resolution: side of a timm model's image; None takes its own.
        target: hardware profile to predict for; None takes the run's, or host-cpu.
    """

    network: str
    data: str | None = None
    data_root: str | None = None
    resolution: int | None = None
    target: str | None = None


def compress_network(order: Order, wishes: Wishes, out: Path | None, watch: Watch) -> Outcome:
    """Run a chain of steps and leave its table, picture and files in its folder.

    Args:
        order: what to compress.
        wishes: the steps and how they train.
        out: the folder; None takes ``<run>/compressed/<steps>``, or the same in the working directory.
        watch: hears of progress.

    Raises:
        UserError: if something asked for is wrong.
        InterruptedRunError: if Ctrl-C ended it; the same call continues.
        NasError: if the network does not allow a step.
    """
    torch_compat.prepare()
    from nas.compress.chain import compress
    from nas.report.compression import compression_markdown
    from nas.report.compression_chart import draw_chain
    from nas.search.stopping import InterruptedRunError

    subject = _subject(order, wishes.seed)
    folder = out or _default_folder(order.network, wishes)
    try:
        outcome = compress(subject, wishes, folder, watch)
    except KeyboardInterrupt as stop:
        message = f"stopped; the same command continues in {folder}"
        raise InterruptedRunError(message, terminated=isinstance(stop, Terminated)) from None
    write_atomic(folder / MARKDOWN, compression_markdown(outcome).encode())
    write_atomic(folder / PICTURE, draw_chain(outcome, Path(order.network).name).encode())
    return outcome


def _subject(order: Order, seed: int) -> Subject:
    from nas.compress.subject import from_run, from_timm

    if order.network.startswith(_TIMM):
        return from_timm(
            order.network,
            data=order.data or "digits",
            root=None if order.data_root is None else Path(order.data_root),
            resolution=order.resolution,
            target=order.target or "host-cpu",
            seed=seed,
        )
    flags = {"--data": order.data, "--data-root": order.data_root, "--resolution": order.resolution}
    given = [flag for flag, value in flags.items() if value is not None]
    if not Path(order.network).is_dir():
        raise UserError(f"{order.network}: no such run; expected a run, timm:NAME or timm:NAME=FILE")
    if given:
        raise UserError(f"a run keeps its own data and resolution; leave out {', '.join(given)}")
    return from_run(Path(order.network), order.target)


def _default_folder(network: str, wishes: Wishes) -> Path:
    name = "-".join(str(step).replace(":", "") for step in wishes.steps)
    if network.startswith(_TIMM):
        return Path(_FOLDER) / f"{network.removeprefix(_TIMM).partition('=')[0]}-{name}"
    return Path(network) / _FOLDER / name
