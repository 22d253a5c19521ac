"""Printing for programs instead of people."""

from __future__ import annotations

import json
import sys


def print_json(value: object) -> int:
    """Print `value` as JSON and return the exit code for success."""
    json.dump(value, sys.stdout, indent=1)
    print()
    return 0
