import subprocess
import sys

import pytest

from nas.errors import UserError
from nas.export import exporter, format_names


def test_formats_are_the_modules_that_define_an_exporter():
    assert "onnx" in format_names()
    assert "verify" not in format_names()


def test_a_module_with_an_underscore_is_a_format_with_a_hyphen():
    assert "onnx-int8" in format_names()


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("nas.export.formats.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"'tflite' needs litert_torch, ai_edge_litert.*pip install 'nas\[litert\]'"):
        exporter("tflite")


def test_an_unknown_format_names_the_nearest_legal_one():
    with pytest.raises(UserError, match="unknown export format 'onx'; did you mean 'onnx'"):
        exporter("onx")


def test_listing_formats_imports_no_converter():
    code = (
        "import sys; from nas.export import format_names; format_names();"
        "sys.exit(any(m in sys.modules for m in ('torch', 'onnx', 'onnxruntime')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
