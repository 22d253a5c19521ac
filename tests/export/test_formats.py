import subprocess
import sys

import pytest

from nas.errors import UserError
from nas.export import exporter, format_names


def test_formats_are_the_modules_that_define_an_exporter():
    assert "onnx" in format_names()
    assert "verify" not in format_names()


def test_every_format_has_a_suffix_batches_and_a_tolerance():
    for name in format_names():
        found = exporter(name)
        assert found.suffix.startswith(".")
        assert found.batch_sizes
        assert 0 < found.tolerance < 1


def test_an_unknown_format_names_the_nearest_legal_one():
    with pytest.raises(UserError, match="unknown export format 'onx'; did you mean 'onnx'"):
        exporter("onx")


def test_listing_formats_imports_no_converter():
    code = (
        "import sys; from nas.export import format_names; format_names();"
        "sys.exit(any(m in sys.modules for m in ('torch', 'onnx', 'onnxruntime')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
