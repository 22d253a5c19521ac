"""Image files into RGB images, with errors that name the file."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
MAX_PIXELS = 89_478_485  # Pillow's own limit against decompression bombs
_SHOWN = 5
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error)  # what Pillow raises for damaged files


def read_image(path: Path) -> Image:
    """Decode one file to RGB, turned upright as its camera noted.

    Raises:
        UserError: if the file is missing, corrupt or too large.
    """
    from PIL import ImageOps

    with _open(path) as image:
        try:
            return to_rgb(ImageOps.exif_transpose(image))
        except _DAMAGED as error:
            raise UserError(f"{path}: the image cannot be decoded ({error})") from None


def check_headers(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """Read the header of every file; return each image's width and height.

    Raises:
        UserError: naming the files that are no images, or too large.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")  # the size is checked here, as an error
        results = list(pool.map(_header_or_problem, paths))
    problems = [result for result in results if isinstance(result, UserError)]
    if problems:
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise UserError("\n  ".join(map(str, problems[:_SHOWN])) + more)
    return [result for result in results if not isinstance(result, UserError)]


def to_rgb(image: Image) -> Image:
    """Convert any mode to RGB; 16-bit grey is scaled, transparency dropped."""
    from PIL import Image

    if image.mode.startswith("I"):  # Pillow would clip 16-bit values at 255 instead of scaling them
        return Image.fromarray((np.asarray(image) / 256).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _header_or_problem(path: Path) -> tuple[int, int] | UserError:
    try:
        with _open(path) as image:
            width, height = image.size
            return width, height
    except UserError as problem:
        return problem


def _open(path: Path) -> Image:
    from PIL import Image

    try:
        image = Image.open(path)
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: the image is too large ({error})") from None
    except _DAMAGED as error:
        reason = "no readable image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise UserError(f"{path}: the image cannot be read ({reason})") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise UserError(f"{path}: the image has {width}x{height} pixels; at most {MAX_PIXELS} are allowed")
    return image
