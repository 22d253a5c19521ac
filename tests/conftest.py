"""What every test needs: timm importable, one thread, a cache folder of its own, small fixtures named after things."""

from collections.abc import Iterator

import pytest
import torch

from nas import torch_compat

torch_compat.prepare()
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
