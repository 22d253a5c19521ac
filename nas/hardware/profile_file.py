"""Writing a profile as the YAML that `load_profile` reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from nas import runs
from nas.cost.rules import FusionRules
from nas.errors import UserError
from nas.hardware.profile import HardwareProfile

_SUFFIXES = (".yaml", ".yml")


def profile_name(path: Path) -> str:
    """Return the name that a profile in this file has to have.

    Raises:
        UserError: if the file is not called like a YAML file, or the name is not legal.
    """
    if path.suffix not in _SUFFIXES:
        raise UserError(f"{path}: a profile is a YAML file; call it {path.with_suffix('.yaml')}")
    return runs.checked_name(path.stem)


def write_profile(profile: HardwareProfile, path: Path, how: str) -> None:
    """Write a profile, replacing the file at once.

    Args:
        profile: is written under the name of the file.
        path: where to.
        how: the command that made it, for the comment at its top.
    """
    profile = dataclasses.replace(profile, name=profile_name(path))
    evidence = profile.evidence
    head = (
        f"# {profile.description}.\n"
        f"# Used by: nas search --target {path}; written by: {how}\n"
        f"# Numbers: rates fitted to {evidence.networks} {evidence.kind} networks; see evidence below.\n"
    )
    runs.write_atomic(path, profile_text(profile, head).encode())


def profile_text(profile: HardwareProfile, head: str) -> str:
    """Return a profile as YAML, below the comment lines `head`."""
    body = yaml.safe_dump(_plain(profile), sort_keys=False, width=110, default_flow_style=None, allow_unicode=True)
    return head + body


def _plain(value: Any) -> Any:
    """Turn a dataclass into dictionaries, leaving out what equals its default; numbers keep four digits."""
    if isinstance(value, FusionRules) and value.engine:
        return {"engine": value.engine}  # stands for the file of the engine's rules
    if dataclasses.is_dataclass(value):
        fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {field.name: _plain(v) for field, v in fields if v is not None and v not in ((), {}, "", field.default)}
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
