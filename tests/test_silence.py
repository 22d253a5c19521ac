"""What is kept from the terminal, and what is not."""

import logging
import os
import sys
import warnings

import pytest

from nas.silence import quiet, silent


def test_python_code_is_kept_quiet(capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    with quiet():
        sys.stdout.write("hidden")
        sys.stderr.write("hidden")
        warnings.warn("hidden", stacklevel=1)
        logging.error("hidden")
    sys.stdout.write("said")
    assert capsys.readouterr() == ("said", "")
    assert not recwarn
    assert logging.root.isEnabledFor(logging.ERROR)


def test_compiled_code_is_kept_silent(capfd: pytest.CaptureFixture[str]) -> None:
    for descriptor in (1, 2):
        os.write(descriptor, b"before ")
        with silent():
            os.write(descriptor, b"hidden ")
        os.write(descriptor, b"after")
    assert capfd.readouterr() == ("before after", "before after")
