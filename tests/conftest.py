"""What every test needs: timm importable, one thread, a cache folder of its own, small fixtures named after things.

With pytest-xdist (``-n auto --dist loadgroup``) the tests of a file stay together, for they share what the file
prepares; so do all files that start Ray, which has one address file for the whole machine.
"""

from collections.abc import Iterator, Sequence

import pytest
import torch

from nas import torch_compat

torch_compat.prepare()
torch.set_num_threads(1)

RAY_FILES = frozenset(
    {
        "test_cluster",
        "test_ray_guest",
        "test_ray_tune",
        "test_library",
        "test_notebook",
        "test_own_block",
        "test_stopping",
        "test_mistakes",
    }
)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Name the group that each test runs in where tests run side by side."""
    for item in items:
        name = "ray" if item.path.stem in RAY_FILES else str(item.path)
        item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session", autouse=True)
def _own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
