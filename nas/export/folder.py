"""A format that is a folder, written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nas import runs


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` into the folder `path`, in place of what was there.

    Args:
        path: of the folder.
        files: contents by name; what is called ``.sh`` can be run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        for name, content in files.items():
            runs.write_atomic(partial / name, content)
            if name.endswith(".sh"):
                (partial / name).chmod(0o755)
        partial.chmod(0o755)  # mkdtemp's folders are private
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
