"""OpenVINO: a folder with its intermediate representation, ``model.xml`` and ``model.bin``, in 32-bit floating point.

OpenVINO reads the ONNX that `nas.export.onnx` writes. On processors with AMX or bfloat16 it computes in 16 bits unless
told otherwise; the check tells it, and so does the model card. What the network is stands in ``model.xml``.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError, first_line
from nas.export.folder import write_folder
from nas.export.formats import ModelFacts
from nas.export.onnx import proto_of
from nas.export.usage import CHANNELS_FIRST, Snippet, python
from nas.silence import silent

if TYPE_CHECKING:
    from torch import nn

    from nas.export.formats import Run

MODEL = "model.xml"
_WEIGHTS = "model.bin"
_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
_ONE_THREAD = {"INFERENCE_NUM_THREADS": 1}


@dataclass(frozen=True, slots=True)
class OpenvinoExporter:
    """Converts ONNX, runs in OpenVINO on the CPU, in 32 bits."""

    suffix: str = ".openvino"
    batch_sizes: tuple[int, ...] = (1, 8)
    tolerance: float | None = 1e-4
    folds: bool = True
    needs: tuple[str, ...] = ("openvino",)
    extra: str = "openvino"

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write the folder `path`, whole or not at all.

        Raises:
            NasError: if the module cannot be exported or converted.
        """
        write_folder(path, converted(proto_of(module, facts).SerializeToString(), facts))

    def load(self, path: Path) -> Run:
        """Open the folder in OpenVINO with one thread."""
        import openvino

        compiled = openvino.Core().compile_model(str(path / MODEL), "CPU", {**_EXACT, **_ONE_THREAD})
        return lambda images: compiled(images)[0].copy()

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the folder at `path`."""
        return python(
            "openvino",
            facts,
            f'network = openvino.compile_model("{path}/{MODEL}", "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})',
            f"print(network({CHANNELS_FIRST})[0].argmax())",
        )


EXPORTER = OpenvinoExporter()


def converted(onnx_model: bytes, facts: ModelFacts) -> dict[str, bytes]:
    """Return the files of OpenVINO's form of an ONNX model, by name.

    Raises:
        NasError: if OpenVINO does not take the model.
    """
    with tempfile.TemporaryDirectory() as scratch, silent():
        import openvino

        source, made = Path(scratch) / "model.onnx", Path(scratch) / MODEL
        source.write_bytes(onnx_model)
        try:
            model = openvino.convert_model(source)
            for key, value in facts.metadata("NCHW").items():
                model.set_rt_info(value, ["nas", key])
            openvino.save_model(model, made, compress_to_fp16=False)
        except Exception as error:  # a compiler with many ways to fail
            raise NasError(f"openvino: the network cannot be converted: {first_line(error)}") from error
        return {MODEL: made.read_bytes(), _WEIGHTS: made.with_name(_WEIGHTS).read_bytes()}
