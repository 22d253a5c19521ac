"""Definitions of a package gathered into one Python source that needs the package no longer.

What a definition uses is found by reading the files (`ast`), and copied as it stands, so that there is no second
description that could drift. Left out is what nothing reaches; imports from the package are replaced by what they
name, and two definitions of one name are told apart by the names of their files.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.errors import NasError

Symbol = tuple[str, str]
"""Module and name of a definition."""

_LINE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class External:
    """A name that comes from outside the package; without `attribute` it is the module itself."""

    module: str
    attribute: str | None
    local: str


Target = Symbol | External


@dataclass(frozen=True, slots=True)
class JoinedSource:
    """One source made of several.

    Attributes:
        text: imports and definitions.
        names: what each definition is called in it.
    """

    text: str
    names: Mapping[Symbol, str]


def join(
    roots: Sequence[Symbol], *, package: str, imports: Sequence[External] = (), reserved: Collection[str] = ()
) -> JoinedSource:
    """Gather definitions and all that they use.

    Args:
        roots: the definitions that are wanted.
        package: imports from it are followed, others stay imports.
        imports: what shall be imported besides, under its own name.
        reserved: names that the joined source must leave free.

    Raises:
        NasError: if a definition is not found, or uses the package in a way that cannot be followed.
    """
    files = _Files(package)
    uses = _reach(roots, files)
    modules = _deepest_first(uses, files)
    reached = dict.fromkeys((*roots, *(target for targets in uses.values() for target in targets)))
    names = _names(reached, modules, imports, reserved)
    symbols = {target: name for target, name in names.items() if not isinstance(target, External)}
    head = _imports({target: name for target, name in names.items() if isinstance(target, External)})
    sections = [_section(file, frozenset(s[1] for s in symbols if s[0] == file.name), files, names) for file in modules]
    return JoinedSource("\n\n\n".join([head, *sections]) + "\n", symbols)


@dataclass(frozen=True)
class _File:
    """One module, read and not imported."""

    name: str
    path: Path
    lines: list[bytes]
    body: list[ast.stmt]
    definitions: dict[str, ast.stmt] = field(default_factory=dict)
    imports: dict[str, External] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str) -> _File:
        path = _path(name)
        content = path.read_bytes()
        file = cls(name, path, content.splitlines(), ast.parse(content).body)
        for statement in file.body:
            file.imports.update((i.local, i) for i in _imported(statement))
            file.definitions.update((bound, statement) for bound in _bound(statement))
        return file


class _Files:
    """The package's files, each read when it is first asked for."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._read = functools.cache(_File.read)

    def get(self, module: str) -> _File:
        return self._read(module)

    def is_inside(self, module: str) -> bool:
        return module == self.package or module.startswith(f"{self.package}.")

    def target(self, module: str, name: str) -> Target | None:
        """Return what `name` means at the top of a module; None for a built-in or a local name."""
        file = self.get(module)
        if name in file.definitions:
            return module, name
        if name not in file.imports:
            return None
        imported = file.imports[name]
        if not self.is_inside(imported.module):
            return imported
        if imported.attribute is None or _is_module(f"{imported.module}.{imported.attribute}"):
            raise NasError(f"{file.path}: {name} is a module and must be used as {name}.something")
        return self._required(imported.module, imported.attribute)

    def attribute(self, module: str, name: str, attribute: str) -> Target | None:
        """Return what ``name.attribute`` means in a module where `name` is a module of the package."""
        imported = self.get(module).imports.get(name)
        if imported is None or imported.attribute is None:
            return None
        inner = f"{imported.module}.{imported.attribute}"
        return self._required(inner, attribute) if self.is_inside(inner) and _is_module(inner) else None

    def _required(self, module: str, name: str) -> Target:
        found = self.target(module, name)
        if found is None:
            raise NasError(f"{module} has no {name} at its top")
        return found


@dataclass(frozen=True, slots=True)
class _Use:
    """A place in a statement that names something."""

    target: Target
    line: int
    start: int
    end: int


def _uses(statement: ast.stmt, module: str, files: _Files) -> Iterator[_Use]:
    taken: set[ast.expr] = set()
    for node in ast.walk(statement):
        target: Target | None = None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target = files.attribute(module, node.value.id, node.attr)
            taken |= {node.value} if target else set()
        elif isinstance(node, ast.Name) and node not in taken:
            target = files.target(module, node.id)
        elif isinstance(node, ast.ImportFrom) and files.is_inside(node.module or ""):
            raise NasError(f"{module}:{node.lineno}: an import of {node.module} inside a function cannot be followed")
        if target is not None and isinstance(node, ast.Attribute | ast.Name):
            yield _Use(target, node.lineno, node.col_offset, node.end_col_offset or node.col_offset)


def _reach(roots: Iterable[Symbol], files: _Files) -> dict[Symbol, list[Target]]:
    """Return every definition that the roots need, with what it uses itself."""
    uses: dict[Symbol, list[Target]] = {}
    waiting = list(roots)
    while waiting:
        symbol = waiting.pop()
        if symbol in uses:
            continue
        module, name = symbol
        file = files.get(module)
        if name not in file.definitions:
            raise NasError(f"{file.path}: no definition of {name} at its top")
        targets = [use.target for use in _uses(file.definitions[name], module, files)]
        uses[symbol] = list(dict.fromkeys(targets))
        waiting += [target for target in targets if not isinstance(target, External)]
    return uses


def _deepest_first(uses: Mapping[Symbol, Sequence[Target]], files: _Files) -> list[_File]:
    """Return the files of the definitions, those that a file needs before it."""
    needs: dict[str, dict[str, None]] = {}
    for (module, _), targets in sorted(uses.items(), key=lambda item: item[0]):
        needs.setdefault(module, {}).update((t[0], None) for t in targets if not isinstance(t, External))
    ordered: dict[str, None] = {}

    def visit(module: str, above: tuple[str, ...]) -> None:
        for needed in needs[module]:
            if needed not in above:
                visit(needed, (*above, needed))
        ordered.setdefault(module)

    for module in needs:
        visit(module, (module,))
    return [files.get(module) for module in ordered]


def _names(
    reached: Iterable[Target], modules: Sequence[_File], imports: Sequence[External], reserved: Collection[str]
) -> dict[Target, str]:
    """Name everything: `imports` keep their names first, then definitions, those of earlier files before later ones."""
    order = {file.name: number for number, file in enumerate(modules)}
    definitions = sorted((t for t in reached if not isinstance(t, External)), key=lambda symbol: order[symbol[0]])
    externals = (t for t in reached if isinstance(t, External))
    names: dict[Target, str] = {}
    used = set(reserved)
    targets: list[Target] = [*imports, *definitions, *externals]
    for target in dict.fromkeys(targets):
        module, wanted = _origin(target)
        name = wanted if wanted not in used else f"{wanted}_{module.rpartition('.')[2].strip('_')}"
        while name in used:
            name += "_"
        used.add(name)
        names[target] = name
    return names


def _origin(target: Target) -> tuple[str, str]:
    """Return the module that a name comes from, and the name it would like."""
    return (target.module, target.local) if isinstance(target, External) else target


def _imports(names: Mapping[External, str]) -> str:
    plain: set[str] = set()
    members: dict[str, set[str]] = {}
    for external, name in names.items():
        if external.attribute is None:
            plain.add(f"import {external.module}" + (f" as {name}" if name != external.module.split(".")[0] else ""))
        else:
            alias = external.attribute + (f" as {name}" if name != external.attribute else "")
            members.setdefault(external.module, set()).add(alias)
    lines = [*sorted(plain), *(_from_import(m, sorted(aliases)) for m, aliases in sorted(members.items()))]
    standard = [line for line in lines if re.split(r"[ .]", line)[1] in sys.stdlib_module_names]
    others = [line for line in lines if line not in standard]
    return "\n\n".join("\n".join(group) for group in (standard, others) if group)


def _from_import(module: str, aliases: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(aliases)}"
    return line if len(line) <= _LINE_LENGTH else f"from {module} import (\n    " + ",\n    ".join(aliases) + ",\n)"


def _section(file: _File, wanted: frozenset[str], files: _Files, names: Mapping[Target, str]) -> str:
    """Return the wanted definitions of one file in their order, under what the file says about itself."""
    chosen = [s for s in file.body if not wanted.isdisjoint(_bound(s))]
    about = ast.get_docstring(ast.Module(file.body, [])) or ""
    text = "\n".join(f"# {line}" for line in (f"From {file.name}.", *about.split("\n\n")[0].splitlines()))
    after_constant = False
    for statement in chosen:
        is_constant = isinstance(statement, ast.Assign | ast.AnnAssign)
        gap = "\n" if is_constant and after_constant else "\n\n\n"
        if is_constant and statement is chosen[0]:
            gap = "\n\n"
        text += gap + _text(file, statement, files, names)
        after_constant = is_constant
    return text


def _text(file: _File, statement: ast.stmt, files: _Files, names: Mapping[Target, str]) -> str:
    """Copy a statement, with the comment above it, naming what it uses by its new names."""
    assert statement.end_lineno is not None
    first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
    lines = {number: file.lines[number - 1] for number in range(first, statement.end_lineno + 1)}
    for use in sorted(_uses(statement, file.name, files), key=lambda u: (u.line, u.start), reverse=True):
        line = lines[use.line]
        lines[use.line] = line[: use.start] + names[use.target].encode() + line[use.end :]
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        new = names[file.name, statement.name].encode()
        old = rb"\b(def|class) " + statement.name.encode() + rb"\b"
        lines[statement.lineno] = re.sub(old, rb"\1 " + new, lines[statement.lineno], count=1)
    while first > 1 and file.lines[first - 2].startswith(b"#"):
        first -= 1
        lines = {first: file.lines[first - 1], **lines}
    return b"\n".join(lines.values()).decode()


def _bound(statement: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a file defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return []


def _imported(statement: ast.stmt) -> Iterator[External]:
    """Yield what a statement imports, those for type checkers too."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield External(alias.name, None, alias.asname or alias.name.split(".")[0])
    elif isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
        for alias in statement.names:
            yield External(statement.module or "", alias.name, alias.asname or alias.name)
    elif isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
        for inner in statement.body:
            yield from _imported(inner)


@functools.cache
def _is_module(dotted: str) -> bool:
    parent, _, _ = dotted.rpartition(".")
    try:
        return importlib.util.find_spec(parent) is not None and importlib.util.find_spec(dotted) is not None
    except ModuleNotFoundError:  # the parent is no package
        return False


def _path(module: str) -> Path:
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        spec = importlib.util.find_spec(module)
        origin = spec.origin if spec is not None else None
    if origin is None:
        raise NasError(f"the source of module {module} is not to be found")
    return Path(origin)
