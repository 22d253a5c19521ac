"""Deployable files of a trained network, each checked against the PyTorch module it came from.

One file per format: a module of this folder that defines ``EXPORTER`` (see `formats.Exporter`) is a format,
found by looking into the folder. `export_run` writes and verifies the winner of a run, `export_module` any
module.
"""

from nas.export.formats import Exporter, ModelFacts, exporter, format_names
from nas.export.run import export_module, export_run
from nas.export.verification import Verification
from nas.export.verify import verify

__all__ = [
    "Exporter",
    "ModelFacts",
    "Verification",
    "export_module",
    "export_run",
    "exporter",
    "format_names",
    "verify",
]
