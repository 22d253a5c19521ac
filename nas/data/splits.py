"""Holding images out: seeded, stratified splits, and the step from raw splits to an `ImageData`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas.data.images import Augmentation, ImageData, Images, Labels, digest_of
from nas.errors import UserError

HELD_OUT_SHARE = 0.2
SMALL_SIDE = 64  # images this small keep their colours: RandAugment destroys more than it varies


def assemble(
    name: str,
    class_names: Sequence[str],
    splits: tuple[Images, Images | None, Images | None],
    *,
    resolution: int,
    seed: int,
    where: str,
) -> ImageData:
    """Check the splits of a source, hold out what is missing and make the data set.

    Args:
        name: the data set's name.
        class_names: one name per class index.
        splits: train, search and test; where search or test is None it is split off train.
        resolution: side length in pixels that batches are made at.
        seed: decides which images are held out.
        where: what to call the source in an error message, e.g. its path.

    Raises:
        UserError: for fewer than two classes, a class without training images, or too few images to split.
    """
    train, search, test = splits
    if len(class_names) < 2:
        found = f"found only {class_names[0]!r}" if class_names else "found none"
        raise UserError(f"{where}: at least two classes are needed, {found}")
    counts = np.bincount(train.labels, minlength=len(class_names))
    empty = [class_names[i] for i in np.flatnonzero(counts == 0).tolist()]
    if empty:
        raise UserError(f"{where}: no training images of class {', '.join(map(repr, empty[:5]))}")
    missing = (search is None) + (test is None)
    if missing:
        parts = stratified_split(train.labels, [HELD_OUT_SHARE] * missing, seed, class_names, where=where)
        held_out = [train.take(part) for part in parts[1:]]
        test = held_out.pop() if test is None else test
        search = held_out.pop() if search is None else search
        train = train.take(parts[0])
    assert search is not None and test is not None, "filled in above"
    fingerprints = (images.fingerprint() for images in (train, search, test))
    return ImageData(
        name=name,
        class_names=tuple(class_names),
        resolution=resolution,
        train=train,
        search=search,
        test=test,
        augmentation=default_augmentation(class_names, train),
        digest=digest_of([*class_names, *fingerprints]),
    )


def stratified_split(
    labels: Labels, shares: Sequence[float], seed: int, class_names: Sequence[str], *, where: str
) -> tuple[npt.NDArray[np.int64], ...]:
    """Split indices so that every class gives about the same share to every part, and at least one image.

    Args:
        labels: class index per image.
        shares: the share of each held-out part; the first part returned gets the rest.
        seed: decides which images go where.
        class_names: for the error message.
        where: for the error message.

    Returns:
        Sorted indices: first what remains, then one array per share.

    Raises:
        UserError: if a class has too few images to appear in every part.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[npt.NDArray[np.int64]]] = [[] for _ in range(len(shares) + 1)]
    for index, class_name in enumerate(class_names):
        members = rng.permutation(np.flatnonzero(labels == index))
        if len(members) <= len(shares):
            raise UserError(
                f"{where}: class {class_name!r} has {len(members)} training images; at least "
                f"{len(shares) + 1} are needed to split off the images that are held out"
            )
        start = 0
        for part, share in zip(parts[1:], shares, strict=True):
            count = max(1, round(share * len(members)))
            part.append(members[start : start + count])
            start += count
        parts[0].append(members[start:])
    return tuple(np.sort(np.concatenate(part)) for part in parts)


def default_augmentation(class_names: Sequence[str], train: Images) -> Augmentation:
    """Choose augmentation that keeps the meaning of the labels."""
    sides = max(train[0][0].size)
    return Augmentation(
        scale=(0.7, 1.0) if sides <= SMALL_SIDE else (0.35, 1.0),
        hflip=0.0 if mirror_matters(class_names) else 0.5,
        auto_augment=None if sides <= SMALL_SIDE else "rand-m7-mstd0.5-inc1",
    )


def mirror_matters(class_names: Sequence[str]) -> bool:
    """Tell whether the classes are characters or name a side: a mirrored image is then another class."""
    characters = all(re.fullmatch(r"([0-9]+|[A-Za-z]{1,2})( - .*)?", name) for name in class_names)
    return characters or any(re.search(r"(?i)(?<![a-z])(left|right)(?![a-z])", name) for name in class_names)
