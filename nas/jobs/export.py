"""Exporting what the command line names: a run, a timm model or an architecture from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas import torch_compat
from nas.errors import UserError

if TYPE_CHECKING:
    from nas.export import Verification
    from nas.export.deployable import Deployable

_FOLDER = "exported"
_FILES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Order:
    """What to export.

    Attributes:
        network: a run, ``timm:NAME``, ``timm:NAME=FILE`` or the file of an architecture.
        data: name or path of images to check a network on that is no run; None takes the photographs.
        data_root: folder that they are looked for in.
        resolution: side of the image of such a network; None takes its own.
        seed: of the images' split, and of weights that no file gives.
        out: folder of the files; None takes the run's ``export``, or ``exported/<network>``.
    """

    network: str
    data: str | None = None
    data_root: str | None = None
    resolution: int | None = None
    seed: int = 0
    out: Path | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported.

    Attributes:
        folder: where the files lie.
        verifications: what was compared, a file each.
        trained: whether the weights are more than random numbers.
    """

    folder: Path
    verifications: tuple[Verification, ...]
    trained: bool


def export_network(order: Order, formats: Sequence[str]) -> Exported:
    """Write a network in every one of `formats`, and check each file; a run's model card is written again.

    Raises:
        UserError: if something asked for is wrong.
        NasError: if a file does not compute what PyTorch computes; the others are written all the same.
    """
    torch_compat.prepare()
    from nas.export.run import export_all, require

    require(formats)
    network = _deployable(order)
    run = Path(order.network) if Path(order.network).is_dir() else None
    folder = order.out or (run / "export" if run is not None else Path(_FOLDER) / _name(order.network))
    try:
        found = export_all(network, formats, folder)
    finally:
        if run is not None and folder.is_dir():  # also where one format of several failed
            from nas.report.card import write_card

            write_card(run)
    return Exported(folder, tuple(found), network.trained)


def _deployable(order: Order) -> Deployable:
    from nas.export.deployable import Images, from_architecture, from_run, from_timm
    from nas.model.timm_network import TIMM

    root = None if order.data_root is None else Path(order.data_root)
    images = Images(order.data or "sample-photos", root, order.resolution, order.seed)
    path = Path(order.network)
    if order.network.startswith(TIMM):
        return from_timm(order.network, images)
    if path.suffix in _FILES:
        return from_architecture(path, images)
    if not path.is_dir():
        raise UserError(
            f"{order.network}: no such run; expected a run, timm:NAME, timm:NAME=FILE or an architecture (.json, .yaml)"
        )
    flags = {"--data": order.data, "--data-root": order.data_root, "--resolution": order.resolution}
    given = [flag for flag, value in flags.items() if value is not None]
    if given:
        raise UserError(f"a run keeps its own data and resolution; leave out {', '.join(given)}")
    return from_run(path)


def _name(network: str) -> str:
    from nas.model.timm_network import TIMM

    if network.startswith(TIMM):
        return network.removeprefix(TIMM).partition("=")[0]
    return Path(network).stem
