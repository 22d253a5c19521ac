"""Any module can be the first that a program imports: timm must have been made importable before it is imported."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "nas").rglob("*.py"))
PREPARED = ROOT / "nas" / "blocks"  # the package itself prepares, before any of its modules runs


def packages_at_top(path: Path) -> set[str]:
    """Return the packages that a module imports when it is imported."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_only_the_blocks_import_timm_at_their_top() -> None:
    wrong = [p for p in MODULES if {"timm", "torchvision"} & packages_at_top(p) and not p.is_relative_to(PREPARED)]
    assert wrong == []


@pytest.mark.parametrize("module", ["nas.model.supernet", "nas.space.ends", "nas.blocks.parts"])
def test_these_can_come_first(module: str) -> None:
    command = [sys.executable, "-c", f"import {module}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_only_reads_a_run_needs_neither_torch_nor_timm() -> None:
    """`nas select` and `nas status` answer at once: importing torch and timm takes seconds."""
    code = "import sys, nas.jobs.select, nas.jobs.status; print([m for m in ('torch', 'timm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
