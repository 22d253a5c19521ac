"""PyTorch's own file for deployment: a program of `torch.export` (``.pt2``), any batch size, weights inside.

It needs PyTorch and neither this package nor timm. What the network is stands in the file, as JSON under the name
``nas``.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas import runs
from nas.errors import NasError, first_line
from nas.export.formats import ModelFacts
from nas.export.usage import CHANNELS_FIRST, Snippet, python
from nas.silence import silent

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from nas.export.formats import Run

METADATA = "nas"
"""The name of the extra file inside that says what the network is."""


@dataclass(frozen=True, slots=True)
class TorchExporter:
    """Writes a program of `torch.export`, runs it in PyTorch on the CPU."""

    suffix: str = ".pt2"
    batch_sizes: tuple[int, ...] = (1, 8)
    tolerance: float | None = 1e-4
    folds: bool = True
    needs: tuple[str, ...] = ()
    extra: str = ""

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` to `path`, whole or not at all.

        Raises:
            NasError: if the module cannot be exported.
        """
        import torch

        program = exported(module, facts, "torch")
        content = io.BytesIO()
        with silent():
            torch.export.save(program, content, extra_files={METADATA: json.dumps(facts.metadata("NCHW"))})
        runs.write_atomic(path, content.getvalue())

    def load(self, path: Path) -> Run:
        """Open `path` in PyTorch."""
        import torch

        with silent():
            module = torch.export.load(path).module()

        def run(images: object) -> object:
            with torch.inference_mode():
                return module(torch.as_tensor(images)).numpy()

        return run  # type: ignore[return-value]  # a program gives what it was exported to give

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the file at `path`."""
        return python(
            "torch",
            facts,
            f'network = torch.export.load("{path}").module()',
            f"logits = network(torch.from_numpy({CHANNELS_FIRST}))",
            "print(logits.argmax().item())",
        )


EXPORTER = TorchExporter()


def exported(module: nn.Module, facts: ModelFacts, format_name: str, *, any_batch: bool = True) -> ExportedProgram:
    """Return `module` as a program.

    Args:
        module: in eval mode, on the CPU.
        facts: give the shape of an image.
        format_name: for the message of an error.
        any_batch: else the batch is 1.

    Raises:
        NasError: if the module cannot be exported.
    """
    import torch

    example = torch.zeros(2 if any_batch else 1, *facts.input_shape)  # of an example batch of 1 a constant is made
    shapes = ({0: torch.export.Dim("batch", min=1)},) if any_batch else None
    with silent():
        try:
            return torch.export.export(module, (example,), dynamic_shapes=shapes)
        except Exception as error:  # tracing runs the module's own code: any error may come out of it
            raise NasError(f"{format_name}: the network cannot be exported: {first_line(error)}") from error
