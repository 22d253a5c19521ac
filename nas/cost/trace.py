"""One run of a module on the ``meta`` device, recorded as a list of operations with shapes.

The same tracer takes a block, a whole network or any timm model. MACs follow fvcore's conventions (one fused
multiply-add counts as one; batch norm 2, layer norm 5 per element), with fused attention counted, which fvcore skips.
An operation the table does not know is kept and listed in `Trace.uncovered`; nothing is silently zero.

Shapes include the batch, which is 1: ``(1, C, H, W)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from nas.cost import operators
from nas.cost.memory import Use, peak_elements
from nas.cost.ops import Op, Shape, Trace


def trace_module(module: nn.Module, input_shape: tuple[int, int, int]) -> Trace:
    """Trace `module` on one image of ``(C, H, W)`` without computing anything.

    Args:
        module: any module from one image batch to one tensor; its device does not matter.
        input_shape: channels, height and width.
    """
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    on_meta = {name: t.detach() if t.is_meta else torch.empty_like(t, device="meta") for name, t in tensors.items()}
    recorder = _Recorder(on_meta.values())
    image = torch.empty((1, *input_shape), device="meta")
    recorder.activation(image)
    with torch.no_grad(), _evaluating(module), torch.device("meta"), recorder, _Composites(recorder):
        functional_call(module, on_meta, (image,))
    params = sum(p.numel() for p in module.parameters())
    return Trace(
        ops=tuple(recorder.ops),
        params=params,
        macs=sum(op.macs for op in recorder.ops),
        peak_memory_elements=peak_elements(recorder.uses, prod(input_shape)),
        uncovered=tuple(dict.fromkeys(recorder.uncovered)),
    )


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


class _Recorder(TorchDispatchMode):
    """Records the ATen calls below; `suspended` while a composite is recorded as one operation."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops: list[Op] = []
        self.uses: list[Use] = []
        self.uncovered: list[str] = []
        self.suspended = False
        self._kept: list[Tensor] = []  # a tensor that lives keeps its id() unique
        self._numbers: dict[int, int] = {}
        self._weights = {id(w) for w in weights}
        self._kept.extend(weights)
        self._count = 0

    def activation(self, tensor: Tensor) -> int:
        """Give `tensor` a fresh number (an in-place operation makes a new value of the same tensor)."""
        self._kept.append(tensor)
        self._numbers[id(tensor)] = self._count
        self._count += 1
        return self._count - 1

    def __torch_dispatch__(  # noqa: D102  # torch's own contract
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        shapes = [tuple(t.shape) for t in _tensors(args)]  # before an in-place call changes them
        name = operators.name_of(func)
        out = operators.known_result(name, func, args)
        if out is None:
            out = func(*args, **(kwargs or {}))
        if not self.suspended:
            self.record(name, args, out, shapes, alias=operators.is_view(func))
        return out

    def record(self, name: str, args: tuple[Any, ...], out: Any, shapes: list[Shape], *, alias: bool) -> None:
        """Note one operation, its MACs and what it reads and writes."""
        tensors = list(_tensors(args))
        outputs = [t for t in _tensors((out,)) if t.numel()]
        weights = [id(t) in self._weights for t in tensors]
        if not outputs:
            return
        if tensors and all(weights):  # a view or a change of a weight is a weight, and costs nothing when deployed
            self._weights.update(id(t) for t in outputs)
            self._kept.extend(outputs)
            return
        inputs = [(t, s) for t, s, w in zip(tensors, shapes, weights, strict=True) if not w]
        known = [(self._numbers[id(t)], s) for t, s in inputs if id(t) in self._numbers]
        name = operators.refine(name, any(weights))
        call = operators.Call(args, tuple(shapes), tuple(outputs[0].shape), any(weights))
        macs = operators.macs(name, call)
        if macs is None:
            self.uncovered.append(name)
        for position, output in enumerate(outputs if alias else outputs[:1]):
            number = self.activation(output)
            self.ops.append(
                Op(
                    name=name,
                    macs=(macs or 0) if position == 0 else 0,
                    inputs=tuple(n for n, _ in known),
                    output=number,
                    input_shapes=tuple(s for _, s in known),
                    output_shape=tuple(output.shape),
                    weight_elements=sum(t.numel() for t, w in zip(tensors, weights, strict=True) if w),
                    **operators.conv_attributes(name, call),
                    axes=operators.transposed_axes(args, output.ndim) if name == "transpose" else (),
                    constant=operators.constant_operand(name, args),
                )
            )
            size = 0 if alias else output.numel()
            self.uses.append(Use(number, size, tuple(n for n, _ in known), alias, operators.is_in_place(name)))


class _Composites(TorchFunctionMode):
    """Records calls that ATen would take apart (fused attention, adaptive pooling) as one operation."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.names: dict[Callable[..., Any], str] = {
            F.scaled_dot_product_attention: "attention",
            F.adaptive_avg_pool2d: "adaptive_avg_pool",
        }

    def __torch_function__(  # noqa: D102  # torch's own contract
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = self.names.get(func)
        if name is None or self.recorder.suspended:
            return func(*args, **(kwargs or {}))
        self.recorder.suspended = True
        try:
            out = func(*args, **(kwargs or {}))
        finally:
            self.recorder.suspended = False
        self.recorder.record(name, args, out, [tuple(t.shape) for t in _tensors(args)], alias=False)
        return out


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
