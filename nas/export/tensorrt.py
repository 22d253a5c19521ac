"""TensorRT: a folder with ONNX that its parser takes and a script that builds the engine on the device itself.

An engine fits one GPU and one version of TensorRT, so none is made here. What is checked here is the ONNX, in ONNX
Runtime; for the device there are an image and the logits that PyTorch gives for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nas.export.folder import write_folder
from nas.export.formats import ModelFacts
from nas.export.onnx import open_session, proto_of
from nas.export.usage import Snippet

if TYPE_CHECKING:
    from torch import nn

    from nas.export.formats import Run

MODEL = "model.onnx"
SCRIPT = "build.sh"
_IMAGE, _EXPECTED, _FACTS = "image.bin", "expected.json", "network.json"


@dataclass(frozen=True, slots=True)
class TensorrtExporter:
    """Writes the folder for an engine of 16-bit floating point; runs its ONNX in ONNX Runtime, in 32 bits."""

    suffix: str = ".tensorrt"
    batch_sizes: tuple[int, ...] = (1, 8)
    tolerance: float | None = 1e-4
    folds: bool = True
    needs: tuple[str, ...] = ()
    extra: str = ""

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write the folder `path`, whole or not at all.

        Raises:
            NasError: if the module cannot be exported.
        """
        write_folder(path, documents(proto_of(module, facts), module, facts, ("fp16",)))

    def load(self, path: Path) -> Run:
        """Open the folder's ONNX in ONNX Runtime."""
        return open_session(path / MODEL)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:  # noqa: ARG002
        """Return the lines that run the folder at `path`."""
        return device_snippet(path)


EXPORTER = TensorrtExporter()


def device_snippet(path: str) -> Snippet:
    """Return the lines that take the folder at `path` to a device, and build and time the engine there."""
    return Snippet(f"scp -r {path} DEVICE:\nssh DEVICE {PurePosixPath(path).name}/{SCRIPT}", "sh")


def documents(proto: Any, module: nn.Module, facts: ModelFacts, precisions: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files of a folder by name.

    Args:
        proto: the network as ONNX.
        module: the same, which gives the logits to compare with.
        facts: what `network.json` says.
        precisions: what the engine may compute in, as trtexec calls it.
    """
    import torch

    image = torch.randn(1, *facts.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = module(image)
    # As trtexec writes what an engine gives, so that the two files can be compared.
    expected = [{"name": "logits", "dimensions": "x".join(map(str, logits.shape)), "values": logits[0].tolist()}]
    shape = "x".join(map(str, facts.input_shape))
    flags = " ".join(f"--{precision}" for precision in precisions)
    script = _SCRIPT.format(shape=shape, flags=flags, note=_NOTES["int8" in precisions], engine="-".join(precisions))
    return {
        MODEL: proto.SerializeToString(),
        SCRIPT: script.encode(),
        _IMAGE: image.numpy().tobytes(),
        _EXPECTED: (json.dumps(expected) + "\n").encode(),
        _FACTS: (json.dumps(facts.metadata("NCHW"), indent=1, ensure_ascii=False) + "\n").encode(),
    }


_NOTES = {
    False: "# Half precision halves the weights; sums of long products lose digits.",
    True: (
        "# The integers' scales stand in the file (QuantizeLinear, DequantizeLinear: signed, zero point 0), taken\n"
        "# from training images. So trtexec needs neither calibration images nor a --calib cache.\n"
        "# What has no scale runs in half precision."
    ),
}
_SCRIPT = """#!/bin/sh
# Builds a TensorRT engine on the device that will run it, runs it on image.bin and times it.
# For TensorRT 10 (JetPack 6.1 and newer), whose parser takes ONNX of operator set 20. An engine fits one GPU and one
# version of TensorRT; this one was never built where this folder was written.
{note}
#
#   BATCH=4 ./build.sh                 another batch than 1 (image.bin holds one image and is left out)
#   TRTEXEC=/some/where/trtexec ./build.sh
set -eu
cd "$(dirname "$0")"
batch="${{BATCH:-1}}"
shape="image:${{batch}}x{shape}"
engine="model.{engine}.batch$batch.engine"
trtexec="${{TRTEXEC:-$(command -v trtexec || echo /usr/src/tensorrt/bin/trtexec)}}"

"$trtexec" --onnx=model.onnx {flags} "--minShapes=$shape" "--optShapes=$shape" "--maxShapes=$shape" \\
    "--saveEngine=$engine" --skipInference

if [ "$batch" = 1 ]; then
    # What PyTorch gives for this image stands in expected.json.
    "$trtexec" "--loadEngine=$engine" "--shapes=$shape" --loadInputs=image:image.bin --exportOutput=output.json \\
        --iterations=1 --duration=0
    echo "compare output.json with expected.json"
fi

"$trtexec" "--loadEngine=$engine" "--shapes=$shape" --warmUp=200 --duration=10 --noDataTransfers --useSpinWait
"""
