"""The built-in data set: scikit-learn's 1797 handwritten digits (UCI, 8x8 pixels), upscaled to 32x32."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nas.data.images import ImageData, MemoryImages
from nas.data.splits import assemble

_SIDE = 32
_WHITE = 16  # the images hold 17 grey levels


def accepts(spec: str) -> bool:
    """Tell whether `spec` means this source."""
    return spec == "digits"


def load(spec: str, *, resolution: int, seed: int, root: Path | None) -> ImageData:  # noqa: ARG001 - one shape for all sources
    """Load the digits; about 60 % train, 20 % search, 20 % test."""
    from PIL import Image
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.round(bunch.images * (255 / _WHITE)).astype(np.uint8)
    size = (_SIDE, _SIDE)
    large = [Image.fromarray(g).resize(size, Image.Resampling.BICUBIC).convert("RGB") for g in grey]
    images = MemoryImages(np.stack([np.asarray(i) for i in large]), bunch.target.astype(np.int64))
    names = [str(digit) for digit in range(10)]
    return assemble(spec, names, (images, None, None), resolution=resolution, seed=seed, where=spec)
