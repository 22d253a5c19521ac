from dataclasses import dataclass
from pathlib import Path

import pytest

from nas.errors import UserError
from nas.search.ray_executor import RayExecutor
from nas.search.shared_data import data_path, fetched, require_place, shared


@dataclass(frozen=True)
class CountingSpec:
    """Evaluates nothing; building it tells where its data are."""

    data: str
    data_root: Path | None = None

    def build(self):
        return sorted(path.relative_to(self.data).as_posix() for path in Path(self.data).rglob("*.jpg"))

    def packed(self):
        return self


@pytest.fixture
def images(tmp_path):
    for name in ("train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_text(name)
    return tmp_path / "images"


def test_data_are_put_once_and_fetched_once_by_each_node(images, tmp_path, monkeypatch):
    storage = tmp_path / "shared" / "folder"
    spec = CountingSpec("images", tmp_path)
    assert data_path(spec.data, spec.data_root) == images
    away = shared(spec, images, str(storage)).packed()
    (archive,) = storage.iterdir()
    first = archive.stat().st_mtime_ns
    assert shared(spec, images, f"file://{storage}").name == archive.name
    assert archive.stat().st_mtime_ns == first
    for node in ("a", "b"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / node))
        assert away.build() == ["test/cat/3.jpg", "train/cat/1.jpg", "train/dog/2.jpg"]
        inode = fetched(str(storage), archive.name).stat().st_ino
        away.build()
        assert fetched(str(storage), archive.name).stat().st_ino == inode


def test_a_single_file_keeps_its_name(tmp_path, monkeypatch):
    (tmp_path / "digits.npz").write_bytes(b"numbers")
    spec = CountingSpec(str(tmp_path / "digits.npz"))
    away = shared(spec, tmp_path / "digits.npz", str(tmp_path / "shared"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "node"))
    path = fetched(away.storage, away.name)
    assert (path.name, path.read_bytes()) == ("digits.npz", b"numbers")


def test_what_changed_is_put_anew(images, tmp_path):
    before = shared(CountingSpec(str(images)), images, str(tmp_path / "shared"))
    (images / "train" / "cat" / "4.jpg").write_text("new")
    assert shared(CountingSpec(str(images)), images, str(tmp_path / "shared")).name != before.name


def test_a_name_is_no_place_even_where_a_folder_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    (tmp_path / "mine").mkdir()
    assert data_path("digits", None) is None
    assert data_path("./mine", None) == tmp_path / "mine"


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path):
    require_place(str(tmp_path / "new"))
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        require_place(str(tmp_path / "file" / "folder"))


def test_wrong_places_are_told(images, tmp_path):
    with pytest.raises(UserError, match=r"absolute folder .* s3://bucket"):
        RayExecutor("auto", storage="relative/folder")
    with pytest.raises(UserError, match="leave the keys out") as refused:
        RayExecutor("auto", storage="s3://me:s3cret@bucket/folder")
    assert "s3cret" not in str(refused.value)
    with pytest.raises(UserError, match="--storage-path nope://x: cannot be opened"):
        shared(CountingSpec(str(images)), images, "nope://x")
    with pytest.raises(UserError, match="cannot be read here"):
        fetched(str(tmp_path), "nas-data-none.zip")
