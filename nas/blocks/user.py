"""Block families from a file of the user's own.

Nothing looks for such files: one is run when it is named (`load_blocks`), or by a run that was begun with it, if it was
named on this machine before (`load_run_blocks`). It is loaded once a process and checked before anything can use it
(`nas.blocks.contract`). What crosses to workers is its text, so that they need not see the file.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import traceback
import types
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas import blocks, runs, schema
from nas.blocks import trust
from nas.blocks.contract import ContractError, check_family
from nas.errors import UserError

_loaded: dict[str, BlockFile] = {}  # by kind: what this process was told to load


@dataclass(frozen=True, slots=True)
class BlockFile:
    """A file that defines block families in a constant ``BLOCK`` or ``BLOCKS``, as plain data.

    Attributes:
        path: where it lies, for messages.
        source: its text.
    """

    path: str
    source: str

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name the text."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]

    def load(self) -> None:
        """Run the file and make its families known to this process; does nothing where it is loaded already.

        Raises:
            UserError: if the file fails, defines no family, or one that is known or does not keep to the contract.
        """
        if any(file.source == self.source for file in _loaded.values()):
            return
        families = _families(self)
        for family in families:
            blocks.register(family)
            _loaded[family.kind] = self


def load_blocks(path: Path) -> BlockFile:
    """Run a user's file and make its block families known to this process.

    Raises:
        UserError: if the file cannot be read, fails, or defines no family that keeps to the contract.
    """
    file = _read(path)
    trust.remember(file.digest)
    file.load()
    return file


def load_run_blocks(run_dir: Path) -> BlockFile | None:
    """Load the families that a run was begun with, from its own copy of the file; None if there are none.

    Raises:
        UserError: if the copy is missing, was changed, or was never named on this machine.
    """
    config = run_dir / runs.CONFIG
    document = schema.load_yaml(config) if config.is_file() else None
    digest = document.get("blocks") if isinstance(document, dict) else None
    if digest is None:
        return None
    file = _read(run_dir / runs.BLOCKS)
    if file.digest != digest:
        raise UserError(f"{file.path}: changed since the run was begun ({file.digest}, {runs.CONFIG} has {digest})")
    trust.require_named(digest, run_dir / runs.BLOCKS)
    file.load()
    return file


def block_files(kinds: Iterable[str]) -> tuple[BlockFile, ...]:
    """Return the loaded files that define any of `kinds`; none for families of the package."""
    return tuple(dict.fromkeys(_loaded[kind] for kind in kinds if kind in _loaded))


def loaded_file(digest: str) -> BlockFile:
    """Return the loaded file whose text has this digest."""
    return next(file for file in _loaded.values() if file.digest == digest)


def _read(path: Path) -> BlockFile:
    try:
        return BlockFile(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"blocks file {str(path)!r} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"blocks file {str(path)!r} is not text in UTF-8") from None


def _families(file: BlockFile) -> tuple[Any, ...]:
    """Run the file and return the families that it defines, checked."""
    # Dataclasses and type hints look their module up by its name, which must be the same in every process.
    module = types.ModuleType(f"nas_blocks_{file.digest}")
    module.__file__ = file.path
    sys.modules[module.__name__] = module
    try:
        exec(compile(file.source, file.path, "exec"), module.__dict__)
        return _checked(file, module)
    except Exception as error:  # the code is the user's: whatever comes out of it is told with its line
        del sys.modules[module.__name__]
        raise error if isinstance(error, UserError) else _blame(file, error) from None


def _checked(file: BlockFile, module: types.ModuleType) -> tuple[Any, ...]:
    named = getattr(module, "BLOCKS", None)
    families = tuple(named) if isinstance(named, (list, tuple)) else (getattr(module, "BLOCK", None),)
    if not families or families[0] is None:
        raise UserError(f"{file.path}: defines no block; name its class: BLOCK = MyBlock, or BLOCKS = [One, Two]")
    for family in families:
        try:
            check_family(family)
        except ContractError as error:
            raise UserError(f"{_place(file, family)}: {error}") from None
        except Exception as error:  # the user's code again: its build or its module's forward
            raise _blame(file, error, family) from None
        _refuse_known(file, family)
    if len({family.kind for family in families}) < len(families):
        raise UserError(f"{file.path}: two of its BLOCKS have the same kind")
    return families


def _refuse_known(file: BlockFile, family: Any) -> None:
    other = _loaded.get(family.kind)
    if other is not None and Path(other.path).absolute() == Path(file.path).absolute():
        return  # the same file, edited since
    if family.kind in blocks.block_types():
        owner = "the package" if other is None else other.path
        raise UserError(f"{_place(file, family)}: block kind {family.kind!r} is defined by {owner}; choose another")


def _blame(file: BlockFile, error: Exception, family: Any = None) -> UserError:
    """Tell an error of the user's code with the line that it came from."""
    detail = " ".join(str(error).split())[:300]
    if isinstance(error, SyntaxError) and error.filename == file.path:
        return UserError(f"{file.path}, line {error.lineno}: {error.msg}")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file.path]
    place = f"{file.path}, line {lines[-1]}" if lines else _place(file, family)
    return UserError(f"{place}: {type(error).__name__}: {detail}")


def _place(file: BlockFile, family: Any) -> str:
    """Return the file with the line of the family's class, as far as it is known."""
    name = getattr(family, "__name__", None)
    lines = [n.lineno for n in ast.walk(ast.parse(file.source)) if isinstance(n, ast.ClassDef) and n.name == name]
    return f"{file.path}, line {lines[0]}" if lines else file.path
