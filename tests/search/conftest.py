import os
import sys
from pathlib import Path

import numpy as np
import pytest

from nas.search.config import Workers
from nas.search.defaults import Wishes
from nas.search.objective import Constraints
from nas.search.ray_executor import prepare_environment

# Evaluators are named by import path, in this process and in workers.
sys.path.insert(0, str(Path(__file__).parent))

SPACE = """# A space for tests.
name: toy
description: a few hundred networks
resolution: [16, 24]
stem: {out_chs: 8, act: [relu, hard_swish]}
stages:
  - {depth: [1, 2], out_chs: [8, 16], stride: 2, tied: [act], blocks: [
      {kind: mbconv, kernel_size: [3, 5], exp_ratio: [1, 2], act: [relu, hard_swish]},
      {kind: transformer, num_heads: 1, head_dim: 8}]}
heads: [{kind: pool}, {kind: conv_pool, features: 16}]
seeds:
  plain: {kind: [mbconv], act: relu, head.kind: pool}
"""


@pytest.fixture
def toy_wishes(tmp_path: Path) -> Wishes:
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 3
    images = rng.integers(0, 60, (96, 16, 16, 3), dtype=np.uint8)
    for i, label in enumerate(labels):
        images[i, :, :, label] += 150  # each class has its colour
    np.savez(tmp_path / "colours.npz", images=images, labels=labels)
    (tmp_path / "toy.yaml").write_text(SPACE)
    return Wishes(
        target="jetson-orin",
        data=str(tmp_path / "colours.npz"),
        space=str(tmp_path / "toy.yaml"),
        supernet_epochs=2,
        evaluations=8,
        finalists=2,
        finalist_epochs=1,
        workers=Workers(address="inline"),
        formats=(),
        constraints=Constraints(latency_ms=10.0),
    )


@pytest.fixture(scope="session")
def ray_session():
    """One small Ray for all tests that need it: starting one takes seconds."""
    prepare_environment("local")
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        logging_level="CRITICAL",
        log_to_driver=False,
        object_store_memory=80 * 2**20,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},
    )
    yield ray
    ray.shutdown()
