"""The order of the layers: a module imports only from its own layer or one below, found by reading its source.

Imports for type checkers count too: a lower layer must not even speak of a higher one.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nas"
LAYERS = (
    {"nas", "errors", "schema", "yaml_text", "resources", "runs", "pareto", "silence", "torch_compat"},
    {"blocks"},
    {"space"},
    {"model"},
    {"artefacts", "cost"},
    {"hardware"},
    {"data", "training"},
    {"search"},
    {"compress", "export"},
    {"report"},
    {"jobs"},
    {"cli", "__main__"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY = ("torch", "timm", "ray", "optuna", "onnx", "onnxruntime", "sklearn", "scipy", "matplotlib")
MODULES = sorted(PACKAGE.rglob("*.py"))


def part(dotted: str) -> str:
    """Return the part of the package that a module belongs to: ``nas.cost.trace`` to ``cost``."""
    _, _, rest = dotted.partition(".")
    return rest.split(".")[0] or "nas"


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each imported module with its line, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            base = node.module or ""
            yield from ((node.lineno, f"{base}.{a.name}" if base == "nas" else base) for a in node.names)


def own_part(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem.replace("__init__", "nas")


def test_every_part_has_a_layer() -> None:
    assert {own_part(path) for path in MODULES} <= set(LEVEL)


# `Architecture.from_timm` and `SearchSpace.restricted_to` are where a user looks for them; reading a timm model needs
# networks and a target its costs, so they ask the layers above when they are called.
UPWARDS = {
    ("space/architecture.py", "nas.model.from_timm"),
    ("space/space.py", "nas.hardware.profile"),
    ("space/space.py", "nas.hardware.space"),
}


def test_nothing_points_back() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {own_part(path)} imports {name}"
        for path in MODULES
        for line, name in imported(path)
        if name.split(".")[0] == "nas" and LEVEL.get(part(name), 0) > LEVEL[own_part(path)]
        if (path.relative_to(PACKAGE).as_posix(), name) not in UPWARDS
    ]
    assert wrong == []


def test_two_files_know_ray() -> None:
    users = {path.relative_to(PACKAGE).as_posix() for path in MODULES for _, n in imported(path) if _is(n, "ray")}
    assert users == {"search/ray_tune.py", "search/ray_nodes.py"}


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        if own_part(path) not in ("cli", "report")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_files_stay_small() -> None:
    long = {path.name: n for path in MODULES if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["targets"], ["spaces"], ["--version"]])
def test_quick_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom nas.cli import main\n"
        f"try:\n    code = main({arguments!r})\nexcept SystemExit as stop:\n    code = stop.code\n"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY [] 0", done.stderr


def test_the_command_line_starts_quickly() -> None:
    # Time in this process alone: the test machine may be busy.
    code = "import time; start = time.process_time(); import nas.cli; print(time.process_time() - start)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.3


def _is(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
