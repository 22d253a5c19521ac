"""What networks are scored in: floating point, or as if rounded to eight bits (`nas.training.fake_quant`)."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float", "int8"]
PRECISIONS = ("float", "int8")
