from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data import decode, load_data
from nas.data.images import MemoryImages
from nas.errors import UserError

FolderMaker = Callable[..., Path]


def test_given_splits_are_kept(class_folder: FolderMaker) -> None:
    train = class_folder("photos/train", {"dog": 3, "cat": 4})
    class_folder("photos/validation", {"cat": 2, "dog": 1})
    class_folder("photos/test", {"dog": 1})
    data = load_data(str(train.parent), resolution=32)
    assert data.class_names == ("cat", "dog")
    assert [len(s) for s in (data.train, data.search, data.test)] == [7, 3, 1]
    assert list(data.test.labels) == [1]
    assert data.augmentation.hflip == 0.5


def test_missing_splits_are_held_out_of_train(class_folder: FolderMaker) -> None:
    train = class_folder("photos/train", {"cat": 10, "dog": 10})
    class_folder("photos/test", {"cat": 1, "dog": 1})
    data = load_data(str(train.parent), resolution=32)
    assert [len(s) for s in (data.train, data.search, data.test)] == [16, 4, 2]
    held_out = {data.search[i][0].tobytes() for i in range(4)}
    assert held_out.isdisjoint(data.train[i][0].tobytes() for i in range(16))


def test_class_folders_alone_are_enough(class_folder: FolderMaker) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 5, ".cache": 1})
    (folder / "cat" / "notes.txt").write_text("no image")
    data = load_data("photos", resolution=32, root=folder.parent)
    assert [len(s) for s in (data.train, data.search, data.test)] == [6, 2, 2]


def test_small_images_are_kept_in_memory(class_folder: FolderMaker) -> None:
    small = load_data(str(class_folder("small", {"cat": 5, "dog": 5}, side=32)), resolution=32)
    large = load_data(str(class_folder("large", {"cat": 5, "dog": 5}, side=80)), resolution=32)
    assert isinstance(small.train, MemoryImages)
    assert not isinstance(large.train, MemoryImages)


def test_the_digest_follows_content_not_place(class_folder: FolderMaker, tmp_path: Path) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 5})
    before = load_data(str(folder), resolution=32).digest
    moved = folder.rename(tmp_path / "elsewhere")
    assert load_data(str(moved), resolution=32).digest == before
    Image.new("RGB", (80, 80)).save(moved / "cat" / "0.png")
    assert load_data(str(moved), resolution=32).digest != before


def test_a_missing_folder_lists_what_is_allowed() -> None:
    with pytest.raises(UserError, match=r"data 'digitz': no such folder; allowed: 'digits'"):
        load_data("digitz", resolution=32)


def test_no_classes_and_one_class(class_folder: FolderMaker, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="nothing: no images"):
        load_data(str(tmp_path / "nothing"), resolution=32)
    with pytest.raises(UserError, match="photos: at least two classes are needed, found only 'cat'"):
        load_data(str(class_folder("photos", {"cat": 5})), resolution=32)


def test_an_empty_class_is_named(class_folder: FolderMaker) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 0})
    with pytest.raises(UserError, match=r"dog: no images of this class"):
        load_data(str(folder), resolution=32)


def test_a_class_unknown_to_train_is_refused(class_folder: FolderMaker) -> None:
    train = class_folder("photos/train", {"cat": 3, "dog": 3})
    class_folder("photos/val", {"cta": 1})
    with pytest.raises(UserError, match=r"val: unknown class 'cta'; did you mean 'cat'\?"):
        load_data(str(train.parent), resolution=32)


def test_val_without_train_is_refused(class_folder: FolderMaker) -> None:
    folder = class_folder("photos/val", {"cat": 3, "dog": 3}).parent
    with pytest.raises(UserError, match="but no .*train"):
        load_data(str(folder), resolution=32)


def test_every_file_that_is_no_image_is_named(class_folder: FolderMaker) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 5})
    (folder / "cat" / "broken.jpg").write_text("no image")
    (folder / "cat" / "empty.png").touch()
    with pytest.raises(UserError, match=r"(?s)broken\.jpg: .*no readable image.*empty\.png: "):
        load_data(str(folder), resolution=32)


def test_an_image_that_breaks_off_is_named_when_it_is_read(class_folder: FolderMaker) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 5})
    data = load_data(str(folder), resolution=32)
    for file in folder.rglob("*.png"):
        file.write_bytes(file.read_bytes()[:9000])
    with pytest.raises(UserError, match=r"photos/cat/\d\.png: the image cannot be decoded"):
        data.train[0]


def test_an_image_too_large_to_decode_is_named(class_folder: FolderMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 5})
    monkeypatch.setattr(decode, "MAX_PIXELS", 80 * 80 - 1)
    with pytest.raises(UserError, match="the image has 80x80 pixels; at most 6399 are allowed"):
        load_data(str(folder), resolution=32)


def test_pillows_own_size_limit_is_a_clear_error(class_folder: FolderMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 5})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"0\.png: the image is too large"):
        load_data(str(folder), resolution=32)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16", "LA"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "grey.tiff"
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 128 * 256, dtype=np.uint16)).save(path)
    else:
        Image.new("RGB", (8, 8), (128, 128, 128)).convert(mode).save(path)
    image = decode.read_image(path)
    assert image.mode == "RGB"
    if mode not in ("1", "P"):  # their palettes lack this grey
        assert abs(image.getpixel((3, 3))[0] - 128) <= 3


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 10))
    exif = image.getexif()
    exif[0x0112] = 6  # orientation: turned by 90 degrees
    image.save(tmp_path / "photo.jpg", exif=exif)
    assert decode.read_image(tmp_path / "photo.jpg").size == (10, 20)
