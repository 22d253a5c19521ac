from __future__ import annotations

import subprocess
import sys

import pytest

from nas.data import load_data
from nas.errors import UserError


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, nas.data; print([m for m in ('torch', 'timm', 'sklearn', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("resolution", [0, -32, 7, 5000])
def test_impossible_resolutions_are_refused(resolution: int) -> None:
    with pytest.raises(UserError, match=f"resolution {resolution}: allowed are 8 to 4096"):
        load_data("digits", resolution=resolution)
