"""What may stand behind a flag: each reads a text or says what would have been right."""

from __future__ import annotations

import argparse
import math
import re


def positive(text: str) -> float:
    """Read a number above zero."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return value


def whole(text: str) -> int:
    """Read a whole number of at least one."""
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def duration(text: str) -> float:
    """Read a time in hours, minutes and seconds, such as 2h, 30m, 90s or 1h30m, as seconds."""
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", text)
    parts = match.groups() if match else (None,) * 3
    seconds = sum(float(part or 0) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"must be a time such as 2h, 30m, 90s or 1h30m, got {text!r}")
    return seconds


def count(text: str) -> int:
    """Read a count above zero that may end in k, M or G."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)", text)
    value = float(match[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[match[2]] if match else 0.0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a count above 0, such as 300000, 300k or 1.2G, got {text!r}")
    return int(value)


def share(text: str) -> float:
    """Read what is added as a fraction: 0.1 for 10 %; more than all of it is legal."""
    value = _number(text)
    if not 0 <= value < 10:
        raise argparse.ArgumentTypeError(f"must be 0 or more and below 10, such as 0.1 for 10 %, got {text!r}")
    return value


def points(text: str) -> float:
    """Read percentage points."""
    value = _number(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"must be 0 to 100 points, got {text!r}")
    return value


def gpus(text: str) -> float:
    """Read a number of GPUs, which may be a part of one."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be 0 or more, such as 0.5, got {text!r}")
    return value


def seed(text: str) -> int:
    """Read a seed: a whole number that every generator takes."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r}")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise argparse.ArgumentTypeError(f"must name at least one, got {text!r}")
    return found


def _number(text: str) -> float:
    """Read a number; what is none becomes one that every check refuses."""
    try:
        return float(text)
    except ValueError:
        return math.nan
