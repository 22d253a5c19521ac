"""ncnn, for phones and small boards: a folder of ``model.param`` and ``model.bin``; input (C, H, W), output (classes).

Converted by pnnx from a TorchScript trace, and run in a process of its own: ncnn ends the whole process where a file
names a layer that it does not have. So what pnnx left untranslated is looked for first. By default ncnn computes in 16
bits where the processor can; the check runs in 32.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import torch_compat
from nas.errors import NasError, first_line
from nas.export.folder import write_folder
from nas.export.formats import ModelFacts
from nas.export.usage import Snippet, python
from nas.silence import silent

if TYPE_CHECKING:
    from torch import nn

    from nas.export.formats import Run

PARAM, WEIGHTS, FACTS = "model.param", "model.bin", "network.json"
_MAX_SECONDS = 300


@dataclass(frozen=True, slots=True)
class NcnnExporter:
    """Converts with pnnx, runs in ncnn on the CPU, in 32 bits."""

    suffix: str = ".ncnn"
    batch_sizes: tuple[int, ...] = (1,)
    tolerance: float | None = 1e-4
    folds: bool = True
    needs: tuple[str, ...] = ("ncnn", "pnnx")
    extra: str = "ncnn"

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write the folder `path`, whole or not at all.

        Raises:
            NasError: if the module cannot be traced, or pnnx does not translate all of it.
        """
        write_folder(path, converted(module, facts))

    def load(self, path: Path) -> Run:
        """Return a function that opens `path` in ncnn in a process of its own and runs images through it."""
        return lambda images: _run_apart(path, images)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the folder at `path`."""
        return python(
            "ncnn",
            facts,
            "net = ncnn.Net(); pixels = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)",
            f'net.load_param("{path}/{PARAM}"); net.load_model("{path}/{WEIGHTS}"); run = net.create_extractor()',
            'run.input("in0", ncnn.Mat(pixels)); print(np.array(run.extract("out0")[1]).argmax())',
        )


EXPORTER = NcnnExporter()


def converted(module: nn.Module, facts: ModelFacts) -> dict[str, bytes]:
    """Return the files of ncnn's form of a module, by name.

    Raises:
        NasError: if the module cannot be traced, or pnnx does not translate all of it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _trace(module, folder / "model.pt", facts)
        _convert(folder, facts)
        param = (folder / "model.ncnn.param").read_text(encoding="utf-8")
        left = untranslated(param)
        if left:
            raise NasError(f"ncnn: pnnx does not translate {', '.join(left)}, which ncnn does not run")
        weights = (folder / "model.ncnn.bin").read_bytes()
    texts = {PARAM: param, FACTS: json.dumps(facts.metadata("CHW"), indent=1, ensure_ascii=False) + "\n"}
    return {WEIGHTS: weights, **{name: text.encode() for name, text in texts.items()}}


def untranslated(param: str) -> list[str]:
    """Return the kinds of layers in ncnn's text that are PyTorch's still, such as ``Tensor.reshape``."""
    kinds = dict.fromkeys(line.split()[0] for line in param.splitlines()[2:] if line.strip())
    return [kind for kind in kinds if "." in kind or kind[0].islower()]


def _trace(module: nn.Module, path: Path, facts: ModelFacts) -> None:
    import torch

    torch_compat.prepare()
    from nas.export.rewrites.attention import with_split_attention

    with silent(), torch.no_grad():
        try:
            example = torch.zeros(1, *facts.input_shape)
            torch.jit.trace(with_split_attention(module), example, check_trace=False).save(str(path))
        except Exception as error:  # tracing runs the module's own code: any error may come out of it
            raise NasError(f"ncnn: the network cannot be traced: {first_line(error)}") from error


def _convert(folder: Path, facts: ModelFacts) -> None:
    import pnnx

    shape = ",".join(map(str, (1, *facts.input_shape)))
    command = [pnnx.EXEC_PATH, "model.pt", f"inputshape=[{shape}]", "fp16=0"]
    said = _run(command, folder, "pnnx")
    if not (folder / "model.ncnn.param").is_file():
        raise NasError(f"ncnn: pnnx writes nothing: {said}")


def _run_apart(path: Path, images: Any) -> Any:
    import numpy as np

    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "images.npy", Path(scratch) / "logits.npy"
        np.save(given, np.ascontiguousarray(images, dtype=np.float32))
        _run([sys.executable, "-c", _LOADER, *map(str, (path.absolute(), given, found))], Path(scratch), str(path))
        return np.load(found)


def _run(command: list[str], folder: Path, what: str) -> str:
    """Run a process to its end and return the last line that it said."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_MAX_SECONDS, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise NasError(f"ncnn: {what} did not end within {_MAX_SECONDS} s") from None
    lines = (done.stdout + done.stderr).strip().splitlines() or ["no message"]
    if done.returncode != 0:
        raise NasError(f"ncnn: {what} failed ({done.returncode}): {lines[-1].strip()}")
    return lines[-1].strip()


_LOADER = f"""
import sys
import ncnn
import numpy as np

folder, given, found = sys.argv[1:]
net = ncnn.Net()
net.opt.num_threads = 1
net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
if net.load_param(f"{{folder}}/{PARAM}") or net.load_model(f"{{folder}}/{WEIGHTS}"):
    sys.exit("ncnn does not take the files")
logits = []
for image in np.load(given):
    run = net.create_extractor()
    run.input("in0", ncnn.Mat(image))
    code, out = run.extract("out0")
    if code:
        sys.exit("ncnn does not run the network")
    logits.append(np.array(out).reshape(-1))
np.save(found, np.stack(logits))
"""
