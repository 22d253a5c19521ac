"""Definitions of a package become one source that runs without it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.export.source import External, join

Write = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes the files of a package, by name, and returns what it is called."""
    name = f"package_{tmp_path.name.replace('-', '_')}"

    def write(**files: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        for file, text in files.items():
            (folder / f"{file}.py").write_text(text.replace("PACKAGE", name))
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    yield write
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]


def run(source: str) -> dict:
    names: dict = {"__name__": "joined"}
    exec(compile(source, "joined", "exec"), names)
    return names


def test_what_is_used_is_followed_and_nothing_else(package: Write) -> None:
    name = package(
        parts='"""Parts.\n\nMore."""\nimport math\nHALF = 0.5\nUNUSED = 1\ndef area(r):\n return HALF * math.pi * r\n',
        shape="from PACKAGE import parts\ndef twice(r):\n return 2 * parts.area(r)\ndef other():\n return 0\n",
    )
    joined = join([(f"{name}.shape", "twice")], package=name)
    assert run(joined.text)["twice"](1.0) == pytest.approx(3.14159, abs=1e-4)
    assert "UNUSED" not in joined.text
    assert "other" not in joined.text
    assert name not in joined.text.replace(f"# From {name}", "")
    assert "# Parts." in joined.text
    assert "More" not in joined.text


def test_what_a_file_needs_when_it_is_imported_stands_before_it(package: Write) -> None:
    name = package(
        a="from PACKAGE.b import Base, width\ndef plain():\n return 1\nclass Wide(Base):\n size = width(plain())\n",
        b="class Base:\n    pass\n\ndef width(n):\n    return n + 1\n",
    )
    for roots in (["plain", "Wide"], ["Wide", "plain"]):
        assert run(join([(f"{name}.a", r) for r in roots], package=name).text)["Wide"].size == 2


def test_equal_names_of_different_things_are_told_apart(package: Write) -> None:
    name = package(
        one="from math import floor as edge\nLIMIT = 1\n\ndef size(x):\n    return edge(x) + LIMIT\n",
        two="from math import ceil as edge\nLIMIT = 10\n\ndef size(x):\n    return edge(x) + LIMIT\n",
    )
    symbols = [(f"{name}.one", "size"), (f"{name}.two", "size")]
    joined = join(symbols, package=name, reserved=["LIMIT"])
    names = run(joined.text)
    assert [names[joined.names[symbol]](0.5) for symbol in symbols] == [1, 11]
    assert "LIMIT" not in names


def test_names_behind_names_and_other_aliases_are_followed(package: Write) -> None:
    name = package(
        deep="def value():\n    return 7\n",
        door="from PACKAGE.deep import value as inner\n",
        use="from PACKAGE.door import inner as got\n# Why here.\n@staticmethod\ndef answer():\n return got() * 6\n",
    )
    joined = join([(f"{name}.use", "answer")], package=name)
    assert run(joined.text)["answer"]() == 42
    assert "# Why here.\n@staticmethod" in joined.text


def test_imports_for_type_checkers_become_imports_and_wanted_ones_are_there(package: Write) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n from decimal import Decimal\ndef f(x: Decimal): ...\n"
    name = package(typed=text)
    joined = join([(f"{name}.typed", "f")], package=name, imports=[External("pathlib", "Path", "Path")])
    assert {"Decimal", "Path"} <= run(joined.text).keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from PACKAGE import parts\n\ndef f():\n    return parts\n", "must be used as parts.something"),
        ("def f():\n    from PACKAGE import parts\n    return parts\n", "inside a function cannot be followed"),
        ("from PACKAGE import parts\n\ndef f():\n    return parts.missing\n", "parts has no missing"),
        ("x = 1\n", "no definition of f"),
    ],
)
def test_what_cannot_be_followed_is_refused(package: Write, text: str, message: str) -> None:
    name = package(parts="", user=text)
    with pytest.raises(NasError, match=message):
        join([(f"{name}.user", "f")], package=name)
