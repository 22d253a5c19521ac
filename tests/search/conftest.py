import os
import sys
from pathlib import Path

import pytest

from nas.search.ray_executor import prepare_environment

# Evaluators are named by import path, in this process and in workers.
sys.path.insert(0, str(Path(__file__).parent))


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
