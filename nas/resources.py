"""Where the shipped files lie: `search_spaces/`, `hardware_profiles/` and `zoo/`.

Inside a wheel they stand beside the code; in a checkout (and an editable install) at the top level.
"""

from __future__ import annotations

import os
from pathlib import Path

from nas.errors import UserError, unknown_name

_PACKAGE = Path(__file__).parent
_SUFFIXES = (".yaml", ".yml")


def user_cache() -> Path:
    """Return the folder where the program keeps what it finds out about this machine; it may not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nas"


def shipped_dir(name: str) -> Path:
    """Return the folder of shipped files called `name` (``search_spaces``, ``hardware_profiles`` or ``zoo``)."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def shipped_names(folder: str) -> list[str]:
    """Return the names (without suffix) of the YAML files shipped in `folder`, sorted."""
    return sorted(path.stem for path in shipped_dir(folder).glob("*.yaml"))


def find_yaml(name_or_path: str, folder: str, what: str) -> Path:
    """Resolve a shipped name, or the path of a user's own YAML file.

    Args:
        name_or_path: ``"jetson-orin"`` or ``"./my-device.yaml"``.
        folder: the shipped folder to look into.
        what: the kind of thing, for the error message, e.g. ``"target"``.

    Raises:
        UserError: if neither a shipped file nor a readable path is meant.
    """
    shipped = shipped_dir(folder) / f"{name_or_path}.yaml"
    if name_or_path in shipped_names(folder):
        return shipped
    path = Path(name_or_path)
    looks_like_path = path.suffix in _SUFFIXES or len(path.parts) > 1
    if not looks_like_path:
        raise unknown_name(what, name_or_path, shipped_names(folder))
    if not path.is_file():
        raise UserError(f"{what} file {name_or_path!r} does not exist (or is no file)")
    return path


def absolute_yaml(name_or_path: str) -> str:
    """Return a shipped name as it is, and a path such that it means the same file in every folder."""
    path = Path(name_or_path)
    return str(path.absolute()) if path.suffix in _SUFFIXES or len(path.parts) > 1 else name_or_path
