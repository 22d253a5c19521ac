"""A file of block families is run when it is named, checked, and told apart by its text."""

import sys
from pathlib import Path

import pytest

from nas.blocks import block_types, trust, user
from nas.blocks.user import BlockFile, block_files, load_blocks, load_run_blocks
from nas.errors import UserError

GOOD = '''
from dataclasses import dataclass
from typing import ClassVar

from torch import nn


@dataclass(frozen=True)
class Plain:
    """A convolution."""

    kind: ClassVar[str] = "plain"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1

    @property
    def residual_exits(self):
        return ()

    def build(self, in_chs):
        return nn.Conv2d(in_chs, self.out_chs, 3, self.stride, 1)


BLOCK = Plain
'''
LINE = 9  # of the class
BUILD = "        return nn.Conv2d(in_chs, self.out_chs, 3, self.stride, 1)\n"
MISTAKES = {
    "syntax": ("class Plain:", "class Plain", f"line {LINE}: expected ':'"),
    "it fails": ("BLOCK = Plain\n", "BLOCK = Plane\n", "line 26: NameError: name 'Plane' is not defined"),
    "missing package": ("from torch import nn", "import no_such_package", "line 5: ModuleNotFoundError"),
    "no block": ("BLOCK = Plain\n", "", "defines no block; name its class: BLOCK = MyBlock"),
    "no class": ("BLOCK = Plain\n", "BLOCK = 3\n", "BLOCK must be a class, got int"),
    "not frozen": ("(frozen=True)", "", f"line {LINE}: class Plain must be a frozen dataclass"),
    "known kind": ('"plain"', '"mbconv"', f"line {LINE}: block kind 'mbconv' is defined by the package"),
    "kind of another form": ('"plain"', '"Plain Block"', "kind must be a name of small letters, digits and _"),
    "no kind": ('    kind: ClassVar[str] = "plain"\n', "", f"line {LINE}: class Plain has no 'kind'"),
    "kind as a field": ('kind: ClassVar[str] = "plain"', 'kind: str = "plain"', "non-default argument"),
    "no exits": ("def residual_exits", "def exits", f"line {LINE}: class Plain has no 'residual_exits'"),
    "no build": ("def build", "def make", f"line {LINE}: class Plain has no 'build'"),
    "no width": ("out_chs: int", "width: int", "class Plain has no 'out_chs'"),
    "no default": ("    stride: int = 1\n", "    act: str\n    stride: int = 1\n", "field act needs a default"),
    "type": (
        "stride: int = 1",
        "stride: int = 1\n    sizes: tuple[int, ...] = ()",
        "field sizes must be an int, float",
    ),
    "refuses all": (
        "    @property",
        "    def __post_init__(self):\n        raise ValueError('no')\n\n    @property",
        "(no)",
    ),
    "wrong channels": ("self.out_chs, 3", "self.out_chs + 1, 3", "into (2, 17, 8, 8), not into (2, 16, 8, 8)"),
    "wrong stride": (
        "self.stride, 1)",
        "1, 1)",
        "stride=2) turns (2, 16, 8, 8) into (2, 16, 8, 8), not into (2, 16, 4",
    ),
    "odd sizes": ("3, self.stride, 1)", "self.stride, self.stride)", "into (2, 16, 3, 3), not into (2, 16, 4, 4)"),
    "kind twice": ("BLOCK = Plain\n", "BLOCKS = [Plain, Plain]\n", "two of its BLOCKS have the same kind"),
    "no module": (BUILD, "        return 3\n", "gives no nn.Module"),
    "build fails": (BUILD, "        return self.nothing\n", "line 23: AttributeError: 'Plain' object has no attribute"),
    "unknown exit": ("return ()", "return ('scale',)", "residual_exits names 'scale', which its module does not have"),
}


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test begin without loaded files, and leave none behind."""
    known = dict(block_types())
    monkeypatch.setattr("nas.blocks._families", lambda: known)
    monkeypatch.setattr(user, "_loaded", {})
    modules = dict(sys.modules)
    monkeypatch.setattr(sys, "modules", modules)


def written(folder: Path, text: str = GOOD, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_its_family_is_one_like_any_other(tmp_path) -> None:
    file = load_blocks(written(tmp_path))
    assert block_types()["plain"](out_chs=8).out_chs == 8  # type: ignore[call-arg]
    assert block_files(["mbconv", "plain"]) == (file,)
    assert block_files(["mbconv"]) == ()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_loads_nothing(mistake: str, tmp_path) -> None:
    good, bad, hint = MISTAKES[mistake]
    assert good in GOOD
    path, before = written(tmp_path, GOOD.replace(good, bad)), dict(block_types())
    with pytest.raises(UserError) as told:
        load_blocks(path)
    assert str(told.value).startswith(str(path))
    assert hint in str(told.value)
    assert block_types() == before
    assert not any(name.startswith("nas_blocks_") for name in sys.modules)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"blocks file '.*none.py' cannot be read \(No such file"):
        load_blocks(tmp_path / "none.py")


def test_several_families_may_stand_in_a_file(tmp_path) -> None:
    second = GOOD.replace("Plain", "Other").replace('"plain"', '"other"').replace("BLOCK = Other", "")
    load_blocks(written(tmp_path, GOOD + second + "\n\nBLOCKS = [Plain, Other]\n"))
    assert {"plain", "other"} <= set(block_types())


def test_the_same_text_is_run_once_wherever_it_lies(tmp_path) -> None:
    load_blocks(written(tmp_path))
    family = block_types()["plain"]
    BlockFile("elsewhere.py", GOOD).load()
    assert block_types()["plain"] is family


def test_an_edited_file_takes_the_place_of_itself_but_not_of_another(tmp_path) -> None:
    load_blocks(written(tmp_path))
    edited = GOOD + "\n# edited\n"
    with pytest.raises(UserError, match=r"block kind 'plain' is defined by .*mine.py"):
        load_blocks(written(tmp_path, edited, "other.py"))
    before = block_types()["plain"]
    file = load_blocks(written(tmp_path, edited))
    assert block_types()["plain"] is not before
    assert block_files(["plain"]) == (file,)


def test_a_run_loads_the_copy_that_its_configuration_names(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(trust, "_this_process", set())
    written(tmp_path, "raise SystemExit('never run')", "blocks.py")
    assert load_run_blocks(tmp_path) is None  # no run
    (tmp_path / "config.yaml").write_text("blocks: null\n")
    assert load_run_blocks(tmp_path) is None  # a run without blocks of its own
    digest = BlockFile("", GOOD).digest
    (tmp_path / "config.yaml").write_text(f"blocks: {digest}\n")
    with pytest.raises(UserError, match=r"blocks.py: changed since the run was begun"):
        load_run_blocks(tmp_path)
    written(tmp_path, GOOD, "blocks.py")
    with pytest.raises(UserError, match=r"never named on this machine.*--blocks .*blocks\.py"):
        load_run_blocks(tmp_path)
    assert "plain" not in block_types()
    trust.remember(digest)
    monkeypatch.setattr(trust, "_this_process", set())  # another process
    assert load_run_blocks(tmp_path) is not None
    assert "plain" in block_types()
