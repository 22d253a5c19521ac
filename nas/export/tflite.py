"""TFLite in floating point, by LiteRT's converter: input ``image`` (1, H, W, C), output ``logits`` (1, classes).

The input is channel-last, as TFLite's kernels are: channel-first input would begin with a transposition. The batch is
1: delegates want static shapes. What the network is stands in the file's metadata, as JSON under the name ``nas``.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, torch_compat
from nas.errors import NasError, first_line
from nas.export.flatbuffer import sealed
from nas.export.formats import ModelFacts
from nas.export.usage import CHANNELS_LAST, Snippet, python
from nas.silence import silent

if TYPE_CHECKING:
    from torch import nn

    from nas.export.formats import Run


@dataclass(frozen=True, slots=True)
class TfliteExporter:
    """Converts with litert-torch, runs in LiteRT with XNNPACK on the CPU."""

    suffix: str = ".tflite"
    batch_sizes: tuple[int, ...] = (1,)
    tolerance: float | None = 1e-4
    folds: bool = True
    needs: tuple[str, ...] = ("litert_torch", "ai_edge_litert")
    extra: str = "litert"

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` to `path`, whole or not at all.

        Raises:
            NasError: if the module cannot be converted.
        """
        runs.write_atomic(path, sealed(converted(module, facts), facts.metadata("NHWC")))

    def load(self, path: Path) -> Run:
        """Open `path` in LiteRT with one thread."""
        return open_interpreter(path)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the file at `path`."""
        return python(
            "ai_edge_litert.interpreter as litert",
            facts,
            f'network = litert.Interpreter("{path}").get_signature_runner()',
            f'print(network(image={CHANNELS_LAST})["logits"].argmax())',
        )


EXPORTER = TfliteExporter()


def converted(module: nn.Module, facts: ModelFacts) -> bytes:
    """Return `module` as the converter writes it, for one channel-last image.

    Raises:
        NasError: if the module cannot be converted.
    """
    import torch

    channels, height, width = facts.input_shape
    example = torch.zeros(1, height, width, channels)
    torch_compat.prepare()
    with silent(), tempfile.TemporaryDirectory() as scratch:
        import litert_torch

        path = Path(scratch) / "model.tflite"
        try:
            channel_last = litert_torch.to_channel_last_io(module, args=[0]).eval()
            litert_torch.convert(channel_last, (example,)).export(str(path))
        except Exception as error:  # tracing runs the module's own code, and a compiler follows
            raise NasError(f"tflite: the network cannot be converted: {first_line(error)}") from error
        return path.read_bytes()


def open_interpreter(path: Path, *, plain: bool = False) -> Run:
    """Open a file in LiteRT with one thread; integers are scaled at its ends.

    Args:
        path: of a file written here.
        plain: run LiteRT's own kernels instead of XNNPACK's.

    Raises:
        NasError: if LiteRT does not take the file.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else OpResolverType.AUTO
    with silent():
        try:
            interpreter = Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=kernels)
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise NasError(f"{path}: LiteRT does not take it: {first_line(error)}") from error
    given, found = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def one(image: Any) -> Any:
        interpreter.set_tensor(given["index"], _to_file(image.transpose(1, 2, 0)[None], given))
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise NasError(f"{path}: LiteRT does not run it: {first_line(error)}") from error
        return _from_file(interpreter.get_tensor(found["index"]), found)

    return lambda images: np.concatenate([one(image) for image in images])


def _to_file(values: Any, details: Any) -> Any:
    import numpy as np

    kind = details["dtype"]
    if not np.issubdtype(kind, np.integer):
        return np.ascontiguousarray(values, dtype=kind)
    scale, zero = details["quantization"]
    limits = np.iinfo(kind)
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(kind)


def _from_file(values: Any, details: Any) -> Any:
    import numpy as np

    if not np.issubdtype(details["dtype"], np.integer):
        return values
    scale, zero = details["quantization"]
    return ((values.astype(np.float32) - zero) * scale).astype(np.float32)
