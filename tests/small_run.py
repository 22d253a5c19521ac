"""A real search on pictures of one colour each: a second or two, and everything that a run has."""

from pathlib import Path

import numpy as np

from nas.jobs.search import Outcome, start
from nas.search.config import Workers
from nas.search.defaults import Wishes
from nas.search.objective import Constraints
from nas.search.watch import Silent

SPACE = """# A space for tests.
name: toy
description: a few hundred networks
resolution: 16
stem: {out_chs: 8, act: [relu, hard_swish]}
stages:
  - {depth: [1, 2], out_chs: [8, 16], stride: 2, tied: [act], blocks: [
      {kind: mbconv, kernel_size: [3, 5], exp_ratio: [1, 2], act: [relu, hard_swish]},
      {kind: transformer, num_heads: 1, head_dim: 8}]}
heads: [{kind: pool}, {kind: conv_pool, features: 16}]
seeds:
  plain: {kind: [mbconv], act: relu, head.kind: pool}
"""

PLAIN_SPACE = """# A space for tests.
name: toy
description: a few hundred networks
resolution: 16
stem: {out_chs: 8}
stages:
  - {depth: [1, 2], out_chs: [8, 16], stride: 2, blocks: [{kind: mbconv, kernel_size: [3, 5], exp_ratio: [1, 2]}]}
heads: [{kind: pool}]
"""


def noise_flags(folder: Path) -> list[str]:
    """Write 300 random pictures and `PLAIN_SPACE`; return the flags of ``nas search`` that name them, and a target."""
    images = np.random.default_rng(0).integers(0, 255, (300, 16, 16, 3), dtype=np.uint8)
    np.savez(folder / "noise.npz", images=images, labels=np.arange(300) % 3)
    (folder / "toy.yaml").write_text(PLAIN_SPACE)
    where = ["--data", str(folder / "noise.npz"), "--space", str(folder / "toy.yaml")]
    return ["--target", "jetson-orin", *where, "--latency-ms", "10"]


def write_colours(folder: Path, *, noise: int = 120, signal: int = 60) -> Path:
    """Write 96 pictures of three classes, each with its colour on noise, and return the file."""
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 3
    images = rng.integers(0, noise, (96, 16, 16, 3), dtype=np.uint8)
    for i, label in enumerate(labels):
        images[i, :, :, label] += signal
    np.savez(folder / "colours.npz", images=images, labels=labels)
    return folder / "colours.npz"


def small_wishes(folder: Path) -> Wishes:
    data = write_colours(folder)
    (folder / "toy.yaml").write_text(SPACE)
    return Wishes(
        target="jetson-orin",
        data=str(data),
        space=str(folder / "toy.yaml"),
        supernet_epochs=1,
        evaluations=16,
        finalists=2,
        finalist_epochs=1,
        workers=Workers(address="inline"),
        formats=(),
        constraints=Constraints(latency_ms=10.0),
    )


def small_run(folder: Path) -> Outcome:
    return start(small_wishes(folder), runs_dir=folder / "runs", name="small", watch=Silent())
