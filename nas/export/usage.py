"""How a written file is run, as code to copy: five lines at most, from a photo to the number of its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.export.formats import ModelFacts

PHOTO = "photo.jpg"
"""What the photo is called in the code."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code to copy.

    Attributes:
        text: its lines.
        language: ``python`` or ``sh``.
    """

    text: str
    language: str = "python"


def python(imports: str, facts: ModelFacts, *lines: str) -> Snippet:
    """Return Python code whose `lines` find the photo as ``image``, (H, W, C) and normalised.

    Args:
        imports: modules besides numpy and Pillow.
        facts: how images are prepared.
        lines: what comes then.
    """
    return Snippet("\n".join((f"import numpy as np, PIL.Image, {imports}", _image(facts), *lines)))


CHANNELS_FIRST = "image.transpose(2, 0, 1)[None].astype(np.float32)"
CHANNELS_LAST = "image[None].astype(np.float32)"


def _image(facts: ModelFacts) -> str:
    size = (facts.resolution, facts.resolution)
    grey = len(facts.mean) == 1
    pixels = f'np.array(PIL.Image.open("{PHOTO}").convert("{"L" if grey else "RGB"}").resize({size}))'
    return f"image = ({pixels}{'[..., None]' if grey else ''} / 255 - {_rounded(facts.mean)}) / {_rounded(facts.std)}"


def _rounded(values: tuple[float, ...]) -> list[float]:
    return [round(value, 4) for value in values]
