"""Makes timm importable where torchvision's compiled operators cannot load.

A CPU-only torch beside the index's CUDA build of torchvision cannot load torchvision's ``_C`` library. Importing
torchvision then fails, because it registers shape functions for two operators that were never declared. Declaring
their schemas is enough: nothing here calls them. Call `prepare()` before the first import of timm or torchvision.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@functools.cache
def prepare() -> object | None:
    """Declare torchvision's operators if its own cannot load; does nothing otherwise.

    Returns:
        The operator library that must stay alive (the cache keeps it), or None if none was needed.
    """
    import torch

    if _own_operators_load():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.split("(")[0]):
            library.define(schema)
    return library


def _own_operators_load() -> bool:
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # without torchvision there is nothing to mend
    for path in Path(spec.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(path))
        except (OSError, RuntimeError):
            return False
    return hasattr(torch.ops.torchvision, "nms")
