"""What fvcore counts, with the fused attention that it skips."""

from math import prod

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn


def attention_macs(inputs, outputs):
    q, k, v = (i.type().sizes() for i in inputs[:3])
    return prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


def fvcore_macs(module: nn.Module, shape: tuple[int, int, int]) -> int:
    with torch.no_grad():
        analysis = FlopCountAnalysis(module.eval(), torch.zeros(1, *shape))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        analysis.set_op_handle("aten::scaled_dot_product_attention", attention_macs)
        return int(analysis.total())
