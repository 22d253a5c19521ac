"""The built-in photographs: 256 crops of scikit-learn's two sample images (a temple, a flower), 256 x 256 pixels.

To try things out at the sizes of photographs. All splits are cut from the same two images and may overlap, so an
accuracy on them means nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nas.data.images import ImageData, MemoryImages
from nas.data.splits import assemble

_SIDE = 256
_CROPS = 128  # of each image
_NAMES = ("temple", "flower")


def accepts(spec: str) -> bool:
    """Tell whether `spec` means this source."""
    return spec == "sample-photos"


def load(spec: str, *, resolution: int, seed: int, root: Path | None) -> ImageData:  # noqa: ARG001 - one shape for all sources
    """Load the crops; about 60 % train, 20 % search, 20 % test."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    crops = []
    for image in load_sample_images().images:
        tops, lefts = (rng.integers(0, size - _SIDE, size=_CROPS) for size in image.shape[:2])
        crops += [image[y : y + _SIDE, x : x + _SIDE] for y, x in zip(tops, lefts, strict=True)]
    images = MemoryImages(np.stack(crops), np.repeat(np.arange(len(_NAMES)), _CROPS))
    return assemble(spec, _NAMES, (images, None, None), resolution=resolution, seed=seed, where=spec)
