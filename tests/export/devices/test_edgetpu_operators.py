"""Each condition of Coral's table, on operators made by hand."""

import struct

import pytest

from nas.export.devices.edgetpu_operators import reasons
from nas.export.flatbuffer import Operator, Tensor


def tensor(*shape: int, kind: str = "INT8", scales: int = 1, data: bytes = b"", static: bool = True) -> Tensor:
    return Tensor("t", shape, kind, static, scales, data, inside=True)


def integers(*values: int) -> Tensor:
    return tensor(len(values), kind="INT32", scales=0, data=struct.pack(f"<{len(values)}i", *values))


def operator(name: str, *inputs: Tensor, out: Tensor | None = None, version: int = 1, **options: int) -> Operator:
    return Operator(0, name, version, inputs, (out or IMAGE,), options)


IMAGE = tensor(1, 8, 8, 16)
VECTOR = tensor(1, 16)
WEIGHTS = tensor(16, 3, 3, 16, scales=16, data=b"\1" * 16)
SQUARE = {"dilationWFactor": 1, "dilationHFactor": 1}
PLAIN = tensor(4, 16, data=b"\1" * 64)

LEGAL = [
    operator("CONV_2D", IMAGE, WEIGHTS, **SQUARE),
    operator("CONV_2D", IMAGE, WEIGHTS, version=5, **SQUARE),
    operator("DEPTHWISE_CONV_2D", IMAGE, WEIGHTS, **SQUARE),
    operator("FULLY_CONNECTED", VECTOR, PLAIN, out=VECTOR),
    operator("MEAN", IMAGE, integers(1, 2), out=VECTOR),
    operator("MEAN", IMAGE, integers(-1)),
    operator("PAD", IMAGE, integers(0, 0, 1, 1, 1, 1, 0, 0)),
    operator("ADD", IMAGE, IMAGE, fusedActivationFunction=1),
    operator("AVERAGE_POOL_2D", IMAGE, fusedActivationFunction=0),
    operator("SOFTMAX", VECTOR, out=VECTOR),
    operator("SQUEEZE", tensor(1, 1, 16), out=VECTOR),
    operator("CONCATENATION", IMAGE, tensor(1, 8, 8, 4, data=b"\0" * 256), fusedActivationFunction=0),
]

REFUSED = [
    (operator("GELU", IMAGE), "not among the documented"),
    (operator("BATCH_MATMUL", IMAGE, IMAGE), "not among the documented"),
    (operator("CONV_2D", IMAGE, WEIGHTS, version=6, **SQUARE), "version 6"),
    (operator("CONV_2D", IMAGE, WEIGHTS, dilationWFactor=1, dilationHFactor=2), "dilation"),
    (operator("CONV_2D", IMAGE, IMAGE, **SQUARE), "no constant"),
    (operator("FULLY_CONNECTED", VECTOR, WEIGHTS, out=VECTOR), "scale per channel"),
    (operator("FULLY_CONNECTED", IMAGE, PLAIN), "more than one dimension"),
    (operator("MEAN", IMAGE, integers(0)), "over the batch"),
    (operator("MEAN", tensor(1, 8, 8, 18), integers(3)), "18 channels"),
    (operator("MEAN", IMAGE, VECTOR), "axes that are no constant"),
    (operator("PAD", IMAGE, integers(1, 0, 1, 1, 1, 1, 0, 0)), "batch"),
    (operator("MAX_POOL_2D", IMAGE, fusedActivationFunction=1), "fused activation"),
    (operator("SOFTMAX", IMAGE), "more than one dimension"),
    (operator("SOFTMAX", VECTOR, out=tensor(1, 16_001)), "16000"),
    (operator("SQUEEZE", tensor(1, 16, 1), out=VECTOR), "leading"),
    (operator("STRIDED_SLICE", IMAGE, *3 * [integers(1, 2, 1, 1)]), "stride"),
    (operator("CONCATENATION", IMAGE, tensor(1, 8, 8, 4, data=b"\1" * 256)), "zeros"),
    (operator("ADD", IMAGE, tensor(1, 8, 8, 16, kind="FLOAT32")), "FLOAT32 numbers"),
    (operator("ADD", IMAGE, tensor(1, 8, 8, 16, kind="INT32")), "INT32 numbers"),
    (operator("ADD", IMAGE, tensor(1, 8, 8, 16, static=False)), "not fixed"),
    (operator("ADD", IMAGE, tensor(2, 8, 8, 16)), "2x8x8x16"),
]


@pytest.mark.parametrize("legal", LEGAL, ids=lambda o: o.name)
def test_what_the_table_allows_has_no_reason(legal: Operator) -> None:
    assert list(reasons(legal)) == []


@pytest.mark.parametrize(("refused", "why"), REFUSED, ids=lambda x: getattr(x, "name", x))
def test_what_the_table_forbids_has_its_reason(refused: Operator, why: str) -> None:
    assert why in "; ".join(reasons(refused))
