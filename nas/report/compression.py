"""The table of a compression: what each step cost and gained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.report.numbers import NOTHING, compact, memory, significant
from nas.report.tables import Table, to_markdown

if TYPE_CHECKING:
    from nas.compress.chain import Outcome
    from nas.compress.measure import Row

_LOADING = """- `model.onnx`: for ONNX Runtime; input `image` (N, 3, R, R), normalised as its metadata say.
- `model.pt2`: `torch.export.load("model.pt2").module()(images)`; needs nothing of this package{more}.
- `model.safetensors`: the weights{float}, with what `nas.compress.store.load_network` needs to train them on."""


def compression_table(outcome: Outcome) -> Table:
    """Tabulate the network before a chain and after each of its steps."""
    headers = (
        "step",
        "search accuracy (%)",
        "weights",
        "ONNX file",
        "MACs",
        "params",
        f"predicted, {outcome.target} {outcome.precision} (ms)",
        "measured, ONNX Runtime here (ms)",
        "what was done",
    )
    return Table(headers, tuple(_cells(row) for row in outcome.rows))


def compression_note(outcome: Outcome) -> str:
    """Say what stands behind the table, and what the test split said."""
    first, last = outcome.rows[0], outcome.rows[-1]
    before, after = outcome.test_accuracy
    lines = [
        f"Test accuracy ({outcome.test_images} images): {100 * before:.1f} % before, {100 * after:.1f} % after.",
        f"In all: weights {first.weights_bytes / last.weights_bytes:.1f}x smaller, "
        f"file {first.file_bytes / last.file_bytes:.1f}x smaller, "
        f"measured {quickness(outcome)}, "
        f"search accuracy {100 * (last.search_accuracy - first.search_accuracy):+.1f} points.",
        "Measured: batch 1, one thread, all files in turn on this machine. Predicted: by the target's profile, at its "
        "precision only.",
    ]
    if any(row.computed for row in outcome.rows):
        lines.append("~ computed: what such weights would take; the files here hold them as float32.")
    return "\n".join(lines)


def quickness(outcome: Outcome) -> str:
    """Say by how much the last network is quicker than the first, or slower."""
    first_ms, last_ms = outcome.rows[0].measured_ms, outcome.rows[-1].measured_ms
    return (
        f"{first_ms / last_ms:.2f}x as quick" if last_ms <= first_ms else f"slower: {last_ms / first_ms:.2f}x the time"
    )


def compression_markdown(outcome: Outcome) -> str:
    """Write table, note and how to load the files as Markdown."""
    quantized = outcome.rows[-1].step.startswith("int8")
    loading = _LOADING.format(
        more=" but `import torchao.quantization.pt2e.quantize_pt2e`" if quantized else "",
        float=" before quantisation, in float32" if quantized else "",
    )
    return "\n\n".join([to_markdown(compression_table(outcome)), compression_note(outcome), loading]) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.step,
        f"{100 * row.search_accuracy:.1f}",
        ("~" if row.computed else "") + memory(row.weights_bytes),
        memory(row.file_bytes),
        compact(row.macs),
        compact(row.params),
        significant(row.predicted_ms),
        significant(row.measured_ms),
        row.details or NOTHING,
    )
