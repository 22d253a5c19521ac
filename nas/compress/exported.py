"""The ONNX file of a step, checked against the network before it gets its name."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from nas.compress.qdq import unsigned_activations
from nas.data import ImageData
from nas.data.batches import first_images
from nas.errors import NasError
from nas.export.formats import ModelFacts
from nas.export.onnx import EXPORTER
from nas.export.verify import LEAST_AGREEMENT, verify
from nas.model.folding import folded
from nas.runs import write_atomic

_IMAGES = 64
# Of the largest logit. In int8 a value that lies between two steps is rounded either way, which later layers widen.
_TOLERANCE, _TOLERANCE_INT8 = 1e-4, 0.2


def export_checked(network: nn.Module, path: Path, data: ImageData, *, int8: bool, macs: int) -> None:
    """Write a network as ONNX and check it in ONNX Runtime on images of the search split.

    Args:
        network: of plain layers, or a quantised graph.
        path: of the file.
        data: at the network's resolution.
        int8: whether the network is quantised, so that roundings may differ.
        macs: of one image, for the file's metadata.

    Raises:
        NasError: if the file does not compute what the network computes; it is kept as ``.rejected``.
    """
    images, _ = first_images(data, "search", _IMAGES)
    facts = ModelFacts(data.resolution, data.class_names, data.mean, data.std, macs=macs)
    unverified = path.with_name(path.name + ".unverified")
    EXPORTER.export(network if int8 else folded(network), unverified, facts)
    _rewrite(unverified, int8=int8)
    found = verify(network, EXPORTER.load(unverified), images, batch_sizes=EXPORTER.batch_sizes)
    if found.relative <= (_TOLERANCE_INT8 if int8 else _TOLERANCE) and found.top1_agreement >= LEAST_AGREEMENT:
        unverified.replace(path)
        return
    rejected = path.with_name(path.name + ".rejected")
    unverified.replace(rejected)
    raise NasError(
        f"{path.name} does not compute what the network computes: largest relative difference {found.relative:.1e}, "
        f"same class on {100 * found.top1_agreement:.1f} %; kept as {rejected}"
    )


def _rewrite(path: Path, *, int8: bool) -> None:
    """Take out what only says which line of Python a node came from: more bytes than the weights of a small network."""
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        value.ClearField("metadata_props")
    del model.graph.value_info[:]
    model.graph.ClearField("metadata_props")
    if int8:
        unsigned_activations(model)
    write_atomic(path, model.SerializeToString())
