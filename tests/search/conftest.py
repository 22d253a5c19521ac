import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nas.search.defaults import Wishes
from nas.search.ray_executor import prepare_environment
from tests.small_run import SPACE, small_wishes, write_colours

# Evaluators are named by import path, in this process and in workers.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def toy_wishes(tmp_path: Path) -> Wishes:
    """A small search of pictures that are told apart after a pass, in two sizes."""
    wishes = small_wishes(tmp_path)
    write_colours(tmp_path, noise=60, signal=150)
    (tmp_path / "toy.yaml").write_text(SPACE.replace("resolution: 16", "resolution: [16, 24]"))
    return replace(wishes, supernet_epochs=2, evaluations=8)


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
