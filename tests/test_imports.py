"""Every module can be the first that a program imports (timm must be made importable before it is)."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "nas").rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)
FIRST = ("nas.model.supernet", "nas.space.ends")


def imports_alone(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", FIRST)
def test_these_can_come_first(module: str) -> None:
    imports_alone(module)


@pytest.mark.slow
@pytest.mark.parametrize("module", [m for m in MODULES if m not in FIRST])
def test_every_module_can_come_first(module: str) -> None:
    imports_alone(module)
