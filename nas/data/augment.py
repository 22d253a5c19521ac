"""From images to batches of uint8 tensors, by timm's transforms."""

from __future__ import annotations

import torch
from torch import Tensor

from nas import torch_compat
from nas.data.images import Augmentation, Images
from nas.data.seeding import isolated_rng
from nas.errors import UserError

BatchKey = tuple[int, tuple[int, ...]]  # seed, indices
RawBatch = tuple[Tensor, Tensor]  # uint8 (N, 3, R, R), int64 (N,)


class BatchReader:
    """Turns a seed and indices into one batch, the same one in any process.

    Args:
        images: what to read from.
        resolution: side length of the batch.
        augmentation: how to vary the images; None resizes and centre-crops.
    """

    def __init__(self, images: Images, resolution: int, augmentation: Augmentation | None) -> None:
        torch_compat.prepare()
        from timm.data import create_transform

        self._images = images
        # The "prefetcher" form leaves uint8: normalising a whole batch at once is faster.
        options = {"interpolation": "bilinear", "use_prefetcher": True}
        if augmentation is None:
            self._transform = create_transform(resolution, is_training=False, crop_pct=1.0, **options)
        else:
            self._transform = create_transform(
                resolution,
                is_training=True,
                scale=augmentation.scale,
                ratio=augmentation.ratio,
                hflip=augmentation.hflip,
                color_jitter=None,
                auto_augment=augmentation.auto_augment,
                **options,
            )

    def __getitem__(self, key: BatchKey) -> RawBatch | UserError:
        """Return the batch, or the error of an unreadable image.

        The error is returned, not raised: crossing from a worker process, an exception's message becomes a
        traceback.
        """
        seed, indices = key
        pixels, labels = [], []
        with isolated_rng(seed):
            for index in indices:
                try:
                    image, label = self._images[index]
                except UserError as error:
                    return error
                pixels.append(self._transform(image))
                labels.append(label)
        return torch.stack(pixels), torch.tensor(labels)
