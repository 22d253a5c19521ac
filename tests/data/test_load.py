from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nas.data import load_data
from nas.data.load import absolute
from nas.errors import UserError


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, nas.data; print([m for m in ('torch', 'timm', 'sklearn', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("resolution", [0, -32, 7, 5000])
def test_impossible_resolutions_are_refused(resolution: int) -> None:
    with pytest.raises(UserError, match=f"resolution {resolution}: allowed are 8 to 4096"):
        load_data("digits", resolution=resolution)


def test_paths_mean_the_same_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("photos", None) == (str(tmp_path / "photos"), None)
    assert absolute("./set.npz", None) == (str(tmp_path / "set.npz"), None)
    assert absolute("photos", Path("data")) == ("photos", tmp_path / "data")
    for name in ("digits", "hfds/cifar10"):
        assert absolute(name, None) == (name, None)
