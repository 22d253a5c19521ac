import numpy as np

from nas.data import load_data


def test_crops_of_both_photographs_are_in_every_split() -> None:
    data = load_data("sample-photos", resolution=224)
    assert data.class_names == ("temple", "flower")
    for split in (data.train, data.search, data.test):
        assert set(split.labels) == {0, 1}
    image, _ = data.train[0]
    assert (image.mode, image.size) == ("RGB", (256, 256))
    assert np.asarray(image).std() > 10


def test_they_are_the_same_every_time() -> None:
    assert load_data("sample-photos", resolution=64).digest == load_data("sample-photos", resolution=64).digest
