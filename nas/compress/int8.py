"""Eight-bit weights and activations by torchao's PT2E, after training or while training goes on.

Weights are symmetric per output channel, activations have one scale and zero point a tensor (Jacob 2018, arXiv
1712.05877). The network is exported (`torch.export`), observed on training images and converted into a graph that
computes what an engine would; its ONNX file has `QuantizeLinear` and `DequantizeLinear` pairs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nas.compress import program
from nas.errors import NasError, UserError, first_line
from nas.silence import quiet

_OBSERVED = 64  # images a batch


def quantize(network: nn.Module, images: Tensor) -> nn.Module:
    """Return the network with weights and activations of eight bits, ranges taken from images.

    Args:
        network: in eval mode.
        images: (N, 3, R, R), N at least 2; normalised as in training.

    Raises:
        UserError: if torchao is not installed.
        NasError: if the network cannot be exported or quantised.
    """
    with _explained():
        from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

        observed = prepare_pt2e(_exported(network.eval(), images), _quantizer(training=False))
        return _converted(observed, images)


def quantize_in_training(network: nn.Module, images: Tensor, tune: Callable[[nn.Module], None]) -> nn.Module:
    """Return the network with weights and activations of eight bits, trained further as if it had them.

    Args:
        network: open to training.
        images: (N, 3, R, R), N at least 2; normalised as in training.
        tune: trains a network in place.

    Raises:
        UserError: if torchao is not installed.
        NasError: if the network cannot be exported or quantised.
    """
    with _explained():
        from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

        # Not `prepare_qat_pt2e`, which keeps batch norms and searches for them for half a minute: after a whole
        # training they can be folded, and the rounding of the folded weights is what training is to see.
        rounded = prepare_pt2e(_exported(network.eval(), images), _quantizer(training=True)).requires_grad_(True)
        program.with_modes(rounded)
    tune(rounded)
    with _explained():
        return _converted(program.with_modes(rounded), images)


def require() -> None:
    """Check that torchao is there.

    Raises:
        UserError: if not.
    """
    import importlib.util

    if importlib.util.find_spec("torchao") is None:
        raise UserError(_MISSING)


_MISSING = "steps int8 and int8-qat need torchao: pip install 'nas[compress]'"


def _exported(network: nn.Module, images: Tensor) -> Any:
    return torch.export.export(network, (images[:2],), dynamic_shapes=program.ANY_BATCH).module()


def _quantizer(*, training: bool) -> Any:
    # Its neighbour for x86 leaves outputs of convolutions in float32: ONNX Runtime then took three times as long.
    from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

    return XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True, is_qat=training))


@torch.no_grad()
def _converted(observed: Any, images: Tensor) -> nn.Module:
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    for batch in images.split(_OBSERVED):
        observed(batch)
    return program.with_modes(convert_pt2e(observed))


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn what goes wrong in the converter into one line, and keep its warnings from the terminal."""
    try:
        with quiet():
            yield
    except ImportError:
        raise UserError(_MISSING) from None
    except Exception as error:  # the converter runs the network's own code: any error may come out of it
        raise NasError(f"the network cannot be quantised: {first_line(error)}") from error
