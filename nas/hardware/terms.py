"""The time of a kernel as a sum of terms, for engines that tell the time of each kernel in whole networks.

``time = launch + macs * a + bytes read * b + bytes written * c + bytes of weights * d + ...`` with numbers of its own
for each kind of kernel, none negative: more work is never faster. Thousands of kernel times settle more of them than
the latencies of networks settle rates. The numbers are picoseconds: of one multiply-add, of one byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.cost.kernels import Kernel

GENERIC = "generic"  # kinds of kernel that were not measured
LAUNCH, COLD = "launch_us", "cold_weight_byte"
_BY_OPERATION = frozenset({"elementwise", "copy", "pool", "norm"})
_USUAL_WINDOWS = (3, 5)  # larger ones are rare: they share their numbers
_PS_PER_MS = 1e9
_FOLDED = frozenset({"batch_norm", "scale", "bias"})  # into weights: they take no time


@dataclass(frozen=True, slots=True)
class KernelTerms:
    """Numbers by kind of kernel (`term_kind`) and term (`quantities`): picoseconds each; launches in microseconds.

    Attributes:
        kinds: none of the numbers is negative; ``generic`` stands for kinds that are not there.
        block: channels that a convolution works on together; fewer take as long.
        align: channels of a convolution that are no multiple of this are worked on one by one.
        cache_bytes: weights of a network within this stay in the cache between two runs (`cold_share`); reading
            the others takes ``cold_weight_byte`` more.
        near_bytes: what a kernel reads and writes beyond this takes ``far_byte`` more; 0 if there is no such limit.
    """

    kinds: dict[str, dict[str, float]] = field(default_factory=dict)
    block: int = 1
    align: int = 1
    cache_bytes: float = 0.0
    near_bytes: float = 0.0

    def __post_init__(self) -> None:
        if min(self.block, self.align) < 1 or min(self.cache_bytes, self.near_bytes) < 0:
            raise ValueError("block and align must be at least 1, and bytes of caches not negative")
        if any(number < 0 for terms in self.kinds.values() for number in terms.values()):
            raise ValueError("terms must not be negative")
        if self.kinds and GENERIC not in self.kinds:
            raise ValueError(f"terms need the kind {GENERIC!r}")


def term_kind(kernel: Kernel, terms: KernelTerms) -> str:
    """Return what terms tell kernels apart by: the kind, with operation, window or layout where it has several."""
    if kernel.kind in _BY_OPERATION:
        return f"{kernel.kind} {kernel.ops[0]}"
    if not kernel.kind.startswith("conv"):
        return kernel.kind
    if kernel.groups == 1 and kernel.in_chs < terms.block:
        return f"{kernel.kind} image"  # reads a plain map
    window = ""
    if kernel.kind in ("conv", "conv_dw") and kernel.kernel_size in _USUAL_WINDOWS:
        window = f" {kernel.kernel_size}x{kernel.kernel_size}{' s2' if kernel.stride > 1 else ''}"
    return f"{kernel.kind}{window}" if _in_blocks(kernel, terms) else f"{kernel.kind} plain"


def _in_blocks(kernel: Kernel, terms: KernelTerms) -> bool:
    """Whether a convolution works on blocks of channels, by the rule of `nas.cost.layout`."""
    if kernel.groups == 1 or kernel.groups == kernel.in_chs == kernel.out_chs:
        return kernel.in_chs % terms.align == 0
    return not any(chs // kernel.groups % terms.block for chs in (kernel.in_chs, kernel.out_chs))


def quantities(kernel: Kernel, bytes_per_element: int, terms: KernelTerms) -> dict[str, float]:
    """Return how much of each term a kernel has; all grow with the kernel."""
    in_growth, out_growth = _growth(kernel, terms.block)
    read = kernel.read_elements * bytes_per_element * in_growth
    written = kernel.write_elements * bytes_per_element * out_growth
    weights = kernel.weight_elements * bytes_per_element * in_growth * out_growth
    found = {LAUNCH: 1.0, "read_byte": read, "written_byte": written}
    if 0 < terms.near_bytes < read + written:
        found["far_byte"] = read + written - terms.near_bytes
    if weights:
        found |= {"weight_byte": weights, COLD: weights}
    if kernel.kind in ("linear", "matmul") or kernel.kind.startswith("conv"):
        found["mac"] = kernel.macs * in_growth * out_growth
    if kernel.kind.startswith("conv") and kernel.groups > 1 and not _in_blocks(kernel, terms):
        found |= _group_by_group(kernel, bytes_per_element)
    if kernel.kind == "matmul":
        found["product"] = prod(kernel.output_shape[:-2])
    for op in kernel.ops[1:]:
        if op not in _FOLDED or (op == "scale" and kernel.kind == "matmul"):
            found[f"byte_of_{op}"] = written
    return found


def terms_ms(kernel: Kernel, terms: KernelTerms, bytes_per_element: int) -> tuple[float, float, float]:
    """Return launch, work, and what weights take on top when they are not in the cache, in milliseconds."""
    numbers = terms.kinds.get(term_kind(kernel, terms), terms.kinds[GENERIC])
    found = quantities(kernel, bytes_per_element, terms)
    cold_ps = numbers.get(COLD, 0.0) * found.pop(COLD, 0.0)
    launch_us = numbers.get(LAUNCH, 0.0) * found.pop(LAUNCH)
    work_ps = sum(numbers.get(name, 0.0) * amount for name, amount in found.items())
    return launch_us / 1e3, work_ps / _PS_PER_MS, cold_ps / _PS_PER_MS


def cold_share(weight_bytes: float, cache_bytes: float) -> float:
    """Return the share of a network's weights that is not in the cache when they are read.

    Read in turn, weights push each other out before they are needed again: of three times the cache nothing is left.
    """
    if not cache_bytes:
        return 1.0 if weight_bytes else 0.0
    return min(1.0, max(0.0, (weight_bytes / cache_bytes - 1.0) / 2.0))


def _group_by_group(kernel: Kernel, bytes_per_element: int) -> dict[str, float]:
    """Return what a convolution does that works on one group after another: a product for each, on unfolded windows."""
    found = {"group": float(kernel.groups)}
    if kernel.kind != "conv_dw":
        positions = kernel.write_elements / max(kernel.out_chs, 1)
        found["unfolded_byte"] = positions * kernel.in_chs * kernel.kernel_size**2 * bytes_per_element
    return found


def _growth(kernel: Kernel, block: int) -> tuple[float, float]:
    """Return by how much whole blocks of channels enlarge input and output of a convolution."""
    if not kernel.kind.startswith("conv") or not kernel.out_chs:
        return 1.0, 1.0
    out_growth = -(-kernel.out_chs // block) * block / kernel.out_chs
    if kernel.groups > 1 or kernel.in_chs < block:
        return 1.0, out_growth
    return -(-kernel.in_chs // block) * block / kernel.in_chs, out_growth
