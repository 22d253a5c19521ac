"""ExecuTorch: a ``.pte`` for phones, with XNNPACK's kernels; input (1, C, H, W), output (1, classes).

The batch is 1: XNNPACK plans its memory for fixed sizes. A program holds no facts about the network; they stand in
the model card.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, torch_compat
from nas.errors import NasError, first_line
from nas.export.formats import ModelFacts
from nas.export.torch import exported
from nas.export.usage import CHANNELS_FIRST, Snippet, python
from nas.silence import silent

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from nas.export.formats import Run


@dataclass(frozen=True, slots=True)
class ExecutorchExporter:
    """Lowers a program of `torch.export` to XNNPACK, runs it in ExecuTorch's own runtime on the CPU."""

    suffix: str = ".pte"
    batch_sizes: tuple[int, ...] = (1,)
    tolerance: float | None = 1e-4
    folds: bool = True
    needs: tuple[str, ...] = ("executorch",)
    extra: str = "executorch"

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` to `path`, whole or not at all.

        Raises:
            NasError: if the module cannot be exported or lowered.
        """
        program = exported(module, facts, "executorch", any_batch=False)
        runs.write_atomic(path, lowered(program, "executorch"))

    def load(self, path: Path) -> Run:
        """Open `path` in ExecuTorch's runtime."""
        return open_program(path)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the file at `path`."""
        return program_snippet(path, facts)


EXPORTER = ExecutorchExporter()


def lowered(program: ExportedProgram, format_name: str) -> bytes:
    """Return a program as ExecuTorch runs it, with whatever XNNPACK takes given to it.

    Raises:
        NasError: if it cannot be lowered; `format_name` stands in the message.
    """
    torch_compat.prepare()
    with silent():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        try:
            edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
            return bytes(edge.to_executorch().buffer)
        except Exception as error:  # a compiler with many ways to fail
            raise NasError(f"{format_name}: the network cannot be lowered: {first_line(error)}") from error


def program_snippet(path: str, facts: ModelFacts) -> Snippet:
    """Return the lines that run the program at `path`."""
    return python(
        "torch, executorch.runtime as et",
        facts,
        f'network = et.Runtime.get().load_program("{path}").load_method("forward")',
        f"logits = network.execute([torch.from_numpy({CHANNELS_FIRST})])[0]",
        "print(logits.argmax().item())",
    )


def open_program(path: Path) -> Run:
    """Open a file in ExecuTorch's runtime; images go through it one by one.

    Raises:
        NasError: if the runtime does not take it.
    """
    import numpy as np
    import torch

    torch_compat.prepare()
    with silent():
        from executorch.runtime import Runtime

        try:
            method = Runtime.get().load_program(path).load_method("forward")
        except RuntimeError as error:
            raise NasError(f"{path}: ExecuTorch does not take it: {first_line(error)}") from error
    if method is None:
        raise NasError(f"{path}: ExecuTorch finds no network in it")

    def one(image: Any) -> Any:
        with silent():
            try:
                return method.execute([torch.from_numpy(image[None])])[0].numpy().copy()
            except RuntimeError as error:
                raise NasError(f"{path}: ExecuTorch does not run it: {first_line(error)}") from error

    return lambda images: np.concatenate([one(image) for image in np.ascontiguousarray(images)])
