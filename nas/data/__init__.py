"""Image data sets: one file per source, one shape for all of them (`ImageData`).

`load_data` turns a name or a path into three splits. *train* is trained on, *search* scores candidates and is
held out of training, *test* is touched once, by the finalists. `nas.data.batches` turns a split into tensors;
it is not imported here because it needs torch, and importing this package must stay cheap.
"""

from nas.data.images import Augmentation, ImageData, Images, SplitName
from nas.data.load import load_data

__all__ = ["Augmentation", "ImageData", "Images", "SplitName", "load_data"]
