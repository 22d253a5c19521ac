"""Training with several processes of this machine: this one, and helpers that it starts and ends.

``torch.distributed`` carries the gradients: gloo between CPUs, NCCL between GPUs (not run yet).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from nas.blocks.user import BlockFile
from nas.errors import NasError, first_line
from nas.training.device import resolve
from nas.training.group import Group

_PATIENCE = timedelta(minutes=10)  # for a helper that starts, or reads its data
_END_SECONDS = 10.0

Work = Callable[[Group, torch.device], Any]
"""What a helper does: picklable, with everything in it that it needs."""


@contextmanager
def helped(work: Work, processes: int, device: torch.device, *, blocks: Sequence[BlockFile] = ()) -> Iterator[Group]:
    """Have helpers do `work` while this process does its own part of it, as the first of the group.

    Args:
        work: what the helpers do; each is given its place in the group and its device.
        processes: how many with this one; 1 starts no helper.
        device: of this process; on ``cuda`` the helpers have the next ones.
        blocks: files of block families that `work` needs to be unpickled.

    Raises:
        NasError: if a helper ends before the work is done.
        UserError: if there are fewer GPUs than processes.
    """
    if processes == 1:
        yield Group()
        return
    resolve(_device_of_rank(device, processes - 1))  # a helper could not say what is wrong
    with tempfile.TemporaryDirectory(prefix="nas-") as folder, _helpers(work, processes, device, blocks, folder):
        try:
            with _joined(0, processes, device, folder) as group:
                yield group
        except dist.DistError as error:
            raise NasError(f"a training process ended before the others ({first_line(error)})") from None
        except RuntimeError as error:
            if "gloo" not in str(error):
                raise
            raise NasError(f"a training process ended before the others ({first_line(error)})") from None


@contextmanager
def _helpers(
    work: Work, processes: int, device: torch.device, blocks: Sequence[BlockFile], folder: str
) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    packed = pickle.dumps(work)
    helpers = [
        context.Process(
            target=_help,
            args=(
                tuple(blocks),
                packed,
                rank,
                processes,
                _device_of_rank(device, rank),
                folder,
                torch.get_num_threads(),
            ),
            daemon=True,
        )
        for rank in range(1, processes)
    ]
    for helper in helpers:
        helper.start()
    try:
        yield
        for helper in helpers:
            helper.join(_END_SECONDS)
    finally:
        for helper in helpers:
            helper.terminate()
            helper.join(_END_SECONDS)


def _help(
    blocks: Sequence[BlockFile], packed: bytes, rank: int, processes: int, device: str, folder: str, threads: int
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the helpers
    torch.set_num_threads(threads)
    for file in blocks:
        file.load()
    work: Work = pickle.loads(packed)
    place = resolve(device)
    # What goes wrong in one process ends the connection, and the first one says so.
    with contextlib.suppress(RuntimeError, NasError), _joined(rank, processes, place, folder) as group:
        work(group, place)


@contextmanager
def _joined(rank: int, processes: int, device: torch.device, folder: str) -> Iterator[Group]:
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.set_device(device.index or 0)
    # Helpers are on this machine: nothing shall listen to others.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    store = f"file://{Path(folder) / 'meeting'}"
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if cuda else "gloo", init_method=store, rank=rank, world_size=processes, timeout=_PATIENCE
    )
    try:
        yield Group(rank, processes)
    finally:
        dist.destroy_process_group()


def _device_of_rank(device: torch.device, rank: int) -> str:
    return f"cuda:{(device.index or 0) + rank}" if device.type == "cuda" else device.type
