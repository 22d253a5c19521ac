"""Inputs that no user means: flags, YAML, JSON, tables, archives, images and checkpoints, drawn by hypothesis.

Each is given to the command line in this process. What must hold: an exit code of 0 or 2 (1 where the files are right
and the run is not), one message and no traceback, an end within seconds, and nothing written outside the runs.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st

from nas.cli import main
from nas.cli.commands import COMMANDS
from nas.cli.parser import build_parser
from nas.errors import UserError

CPU_SECONDS = 30  # what hangs takes for ever; of this process, since the machine may be busy
WALL_SECONDS = 300
REACHED = "the search itself"

NASTY_TEXT = st.sampled_from(
    [
        *("", " ", "\t", "\n", "null", "nan", "inf", "-inf", "1e999", "-1", "0", "9" * 40, "0x10", "1_000", "٣", "½"),
        *("../../x", "/", "/dev/null", "..", ".", "~", "a" * 5000, "a/" * 600, "*", "${HOME}", "$(id)", "`id`", "%s"),
        *("é", "日本語", "\u202e", "\ud83d\ude00", "a\u0000b".replace("\u0000", ""), "-", "--", "--help=1", "timm:"),
        *("timm:../x", "timm:a=b", "ssh://", "adb://", "redis://", "postgresql://", "local", "auto", "1:2:3", ":99999"),
    ]
)
TEXT = st.one_of(
    NASTY_TEXT, st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40)
)
NUMBER = st.one_of(
    st.integers(-(10**30), 10**30), st.floats(), st.sampled_from([0, -1, 1, 2**31, 2**63, 1e308, float("nan")])
)
LEAF = st.one_of(st.none(), st.booleans(), NUMBER, TEXT)
VALUE = st.recursive(
    LEAF, lambda v: st.one_of(st.lists(v, max_size=4), st.dictionaries(TEXT, v, max_size=4)), max_leaves=8
)


@dataclass(frozen=True)
class Attempt:
    """A command line, and what it needs in its folder."""

    arguments: list[str]
    files: dict[str, bytes]


class TooSlowError(Exception):
    """A call did not end."""


def problem(attempt: Attempt, folder: Path, capture: Callable[[], tuple[str, str]]) -> str | None:
    """Run an attempt in an empty folder; return what was wrong with how it ended, None if nothing."""
    for name, content in attempt.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = tree(folder)
    os.chdir(folder)
    try:
        with ends_in(CPU_SECONDS, WALL_SECONDS):
            code: object = main([a.replace("{dir}", str(folder)) for a in attempt.arguments])
    except SystemExit as stop:  # --help and --version
        code = stop.code
    except TooSlowError:
        return "did not end"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    _, err = capture()
    if code not in (0, 2) and not (code == 1 and "nas: " in err):
        return f"exit code {code}: {err[-300:]}"
    if code == 2 and not err.startswith("nas: "):
        return f"no message: {err[-300:]}"
    if "Traceback" in err:
        return "a traceback"
    written = {p for p in tree(folder) - before if not p.startswith("runs")}
    return f"wrote {sorted(written)[:3]}" if written else None


def tree(folder: Path) -> set[str]:
    """Return every path below the folder that holds the working folder."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*")} | {f"../{p.name}" for p in folder.parent.iterdir()}


@contextmanager
def ends_in(cpu_seconds: int, wall_seconds: int) -> Iterator[None]:
    """Raise where the time is up."""

    def late(*_: object) -> None:
        raise TooSlowError

    before = [signal.signal(number, late) for number in (signal.SIGALRM, signal.SIGPROF)]
    signal.alarm(wall_seconds)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in zip((signal.SIGALRM, signal.SIGPROF), before, strict=True):
            signal.signal(number, handler)


def refuse_search(*_: object, **__: object) -> None:
    """Stand in for what takes long once the input is accepted."""
    raise UserError(REACHED)


def flags() -> st.SearchStrategy[Attempt]:
    """Draw a command with some of its flags, and what does not belong behind them."""

    def build(command: str, draw: st.DrawFn) -> Attempt:
        actions = build_parser()._subparsers._group_actions[0].choices[command]._actions  # type: ignore[union-attr]
        arguments = [command]
        for action in draw(st.lists(st.sampled_from(actions), max_size=5)):
            if not action.option_strings:
                arguments.append(draw(TEXT))
            elif action.option_strings[0] != "-h":
                # One word, so that no two flags make a legal search together.
                arguments.append(f"{action.option_strings[-1]}={draw(TEXT)}" if action.nargs is None else action.dest)
        return Attempt([_legible(a) for a in arguments], {})

    names = [name for name in COMMANDS if name not in ("profile", "status")]  # these may wait and measure
    return st.composite(lambda draw: build(draw(st.sampled_from(names)), draw))()


def documents(name: str, base: Any, arguments: list[str], *, as_json: bool = False) -> st.SearchStrategy[Attempt]:
    """Draw changes of a document that is right, and texts that are none."""

    @st.composite
    def changed(draw: st.DrawFn) -> Attempt:
        document = copy.deepcopy(base)
        for _ in range(draw(st.integers(1, 3))):
            document = _mutated(document, draw)
        dump = json.dumps(document) if as_json else yaml.safe_dump(document, allow_unicode=True)
        return Attempt(arguments, {name: dump.encode("utf-8", "replace")})

    texts = st.one_of(st.binary(max_size=60), st.sampled_from(HOSTILE))
    return st.one_of(changed(), changed(), texts.map(lambda content: Attempt(arguments, {name: content})))


def tables(name: str, arguments: list[str]) -> st.SearchStrategy[Attempt]:
    """Draw tables of measurements."""
    cell = st.one_of(TEXT, NUMBER.map(str), st.sampled_from(["timm:resnet18", "timm:none", "a.json", "1.5"]))
    row = st.lists(cell, max_size=4).map(",".join)
    head = st.sampled_from(["network,latency_ms", "network,latency_ms,resolution", "network", "", "latency_ms,network"])
    lines = st.tuples(head, st.lists(row, max_size=4)).map(
        lambda t: "\n".join([t[0], *t[1]]).encode("utf-8", "replace")
    )
    return lines.map(lambda content: Attempt(arguments, {name: content}))


def archives() -> st.SearchStrategy[Attempt]:
    """Draw archives of images that are broken in one way or another."""
    arguments = ["search", "--target", "jetson-orin", "--data", "{dir}/x.npz", "--ray-address", "inline"]
    content = st.one_of(st.binary(max_size=80), st.sampled_from(sorted(ARCHIVES)).map(lambda name: ARCHIVES[name]()))
    return content.map(lambda found: Attempt(arguments, {"x.npz": found}))


def images() -> st.SearchStrategy[Attempt]:
    """Draw folders of images that are broken."""
    arguments = ["search", "--target", "jetson-orin", "--data", "{dir}/photos", "--ray-address", "inline"]
    picture = st.one_of(
        st.binary(max_size=80), st.sampled_from([png(2**31 - 1, 2**31 - 1), png(0, 0), png(60000, 60000)])
    )
    names = st.sampled_from(["a.png", "b.jpg", "c.gif", "d.tif", "e.webp", "é.png", "f.ppm"])
    folders = st.sampled_from(["photos/a", "photos/b", "photos/train/a", "photos/test/c", "photos/val/.."])
    paths = st.tuples(folders, names).map("/".join)
    return st.dictionaries(paths, picture, max_size=4).map(lambda files: Attempt(arguments, files))


def checkpoints() -> st.SearchStrategy[Attempt]:
    """Draw files of weights that are none."""
    header = st.tuples(st.integers(0, 2**63), st.binary(max_size=40)).map(lambda t: struct.pack("<Q", t[0]) + t[1])
    content = st.one_of(st.binary(max_size=80), header, st.just(PICKLE))
    return st.tuples(content, st.sampled_from(["w.safetensors", "w.pth"])).map(
        lambda t: Attempt(["export", f"timm:mobilenetv3_small_050={{dir}}/{t[1]}"], {t[1]: t[0]})
    )


def png(width: int, height: int) -> bytes:
    """Return a picture that says how large it is, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")


def _archive(**members: bytes) -> bytes:
    import io

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _array(array: Any, *, pickled: bool = False) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


def _declared(size: int) -> bytes:
    """Return an archive whose directory says that a member unpacks to `size` bytes."""
    content = bytearray(_archive(images=_array(np.zeros((4, 8, 8, 3), np.uint8)), labels=_array(np.arange(4))))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(content)


def _huge_header() -> bytes:
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000000, 32, 32, 3), }"
    head = head.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


LABELS = _array(np.arange(12) % 3)
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "declares much": lambda: _declared(2**32 - 2),
    "huge header": lambda: _archive(images=_huge_header(), labels=LABELS),
    "pickled": lambda: _archive(images=_array(np.array([{}], dtype=object), pickled=True), labels=LABELS),
    "floats": lambda: _archive(images=_array(np.full((12, 8, 8, 3), np.nan)), labels=LABELS),
    "no labels": lambda: _archive(images=_array(np.zeros((12, 8, 8, 3), np.uint8))),
    "labels of text": lambda: _archive(
        images=_array(np.zeros((12, 8, 8, 3), np.uint8)), labels=_array(np.array(["a"] * 12))
    ),
    "huge labels": lambda: _archive(
        images=_array(np.zeros((12, 8, 8, 3), np.uint8)), labels=_array(np.full(12, 2**62))
    ),
    "empty": lambda: _archive(images=_array(np.zeros((0, 8, 8, 3), np.uint8)), labels=_array(np.zeros(0, np.int64))),
    "one pixel": lambda: _archive(images=_array(np.zeros((12, 1, 1, 3), np.uint8)), labels=LABELS),
    "no arrays": lambda: _archive(images=b"nothing", labels=b""),
    "no members": lambda: _archive(),
    "a bare array": lambda: _array(np.zeros((4, 4))),
}

LAUGHS = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [f"{c}: &{c} [{', '.join(['*' + p] * 9)}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True)]
)
HOSTILE = [
    LAUGHS.encode(),
    b"&a [*a]",
    b"{<<: &b {<<: *b}}",
    ("[" * 20_000).encode(),
    ("- " * 5_000 + "x").encode(),
    ("{a: " * 3_000).encode(),
    b"!!python/object/apply:os.system [touch owned]",
    b"!!python/name:os.system ''",
    b"!!timestamp x",
    b"!!int ''",
    b"!!bool maybe",
    b"!!binary '='",
    b"!!float ''",
    b"? [a]\n: b",
    b"{{}: 1}",
    b"9" * 5000,
    b"name: " + b"9" * 5000,
    b"--- a\n--- b",
    b"\xff\xfe\x00a",
    b"",
    b"null",
    b"[]",
    b"%YAML 9.9\n---\na",
]
PICKLE = b"cos\nsystem\n(S'touch owned'\ntR."


def _mutated(document: Any, draw: st.DrawFn) -> Any:
    """Return a document with one part replaced, left out or added."""
    if isinstance(document, dict) and document and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(document, key=str)))
        changed = dict(document)
        how = draw(st.sampled_from(["deeper", "deeper", "deeper", "gone", "new"]))
        if how == "gone":
            del changed[key]
        elif how == "new":
            changed[draw(TEXT)] = draw(VALUE)
        else:
            changed[key] = _mutated(document[key], draw)
        return changed
    if isinstance(document, list) and document and draw(st.integers(0, 5)):
        i = draw(st.integers(0, len(document) - 1))
        return [*document[:i], _mutated(document[i], draw), *document[i + 1 :]]
    return draw(VALUE)


def _legible(argument: str) -> str:
    return argument.encode("utf-8", "replace").decode()
