"""Compares predicted kernels with those that an engine reports, network by network.

Run: ``python -m tools.check_kernels --engine onnxruntime`` (``--network NAME`` for some, ``--differences`` for what
differs). A network is a timm model with its resolution, or a space with a seed. Weights are random, with norms that are
neither zero nor one, because engines drop what is multiplied by zero.
"""

from __future__ import annotations

import argparse
import importlib
import random
from collections import Counter
from types import ModuleType

import torch
from torch import nn

from nas.cost.kernels import fuse
from nas.cost.rules import load_rules
from nas.cost.trace import trace_module
from nas.hardware.signature import Signature

ENGINES = ("onnxruntime", "litert")
TIMM = (
    *("mobilenetv2_100@64", "mobilenetv3_small_100@64", "mobilenetv4_conv_small@64", "mobilenetv4_hybrid_medium@64"),
    *("efficientnet_lite0@64", "efficientnet_b0@64", "resnet18@64", "deit_tiny_patch16_224@224", "convnext_atto@64"),
    *("ghostnet_100@64", "mobilevit_xxs@64", "regnety_002@64", "repvgg_a0@64", "densenet121@64", "poolformer_s12@64"),
)
SAMPLED = (
    *("tiny-hybrid:0", "tiny-hybrid:1", "tiny-hybrid:2", "edge-vit:0", "edge-vit:1", "edge-vit:2", "mobile-conv:0"),
    *("mobile-conv:1", "mobile-conv:2", "mobile-hybrid:0", "mobile-hybrid:1", "mobile-hybrid:2", "mcu-tiny:0"),
    *("mcu-tiny:1", "coral-int8:0"),
)


def main() -> None:
    """Compare every network and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--network", nargs="+", default=[*TIMM, *SAMPLED], metavar="NAME")
    parser.add_argument("--differences", action="store_true", help="print what differs under each network")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| network | predicted kernels | reported kernels | equal |\n|---|---|---|---|")
    for name in arguments.network:
        ours, real = compare(name, arguments.engine)
        print(
            f"| {name} | {ours.total()} | {real.total()} | {'yes' if ours == real else _difference(ours, real)} |",
            flush=True,
        )
        if arguments.differences:
            _print_difference("predicted only", ours - real)
            _print_difference("reported only", real - ours)


def compare(name: str, engine: str) -> tuple[Counter[Signature], Counter[Signature]]:
    """Return the kernels predicted for a network and those that the engine reports."""
    reporter = reporter_of(engine)
    module, shape = build(name)
    kernels = fuse(trace_module(module, shape), load_rules(reporter.RULES))
    return Counter(reporter.SIGNATURES.predicted(kernel) for kernel in kernels), reporter.kernels(module, shape)


def reporter_of(engine: str) -> ModuleType:
    """Import the engine's module of `tools.engines`."""
    return importlib.import_module(f"tools.engines.{engine}")


def build(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """Build ``timm_model@resolution`` or the sample of ``space:seed``, with random norms."""
    torch.manual_seed(0)
    module, resolution = _timm(*name.split("@")) if "@" in name else _sample(*name.split(":"))
    randomise_norms(module)
    return module.eval(), (3, resolution, resolution)


def _timm(name: str, resolution: str) -> tuple[nn.Module, int]:
    from nas.torch_compat import prepare

    prepare()
    import timm

    return timm.create_model(name), int(resolution)


def _sample(space: str, seed: str) -> tuple[nn.Module, int]:
    from nas.model.network import build as build_network
    from nas.space.space import load_space

    architecture = load_space(space).sample(random.Random(int(seed)))
    return build_network(architecture), architecture.resolution


def randomise_norms(module: nn.Module) -> None:
    """Give norms and scales other numbers than 0 and 1, which optimisers would leave out."""
    for part in module.modules():
        for name in ("weight", "bias", "running_mean", "running_var", "gamma", "layer_scale", "scale"):
            tensor = getattr(part, name, None)
            if isinstance(tensor, torch.Tensor) and tensor.ndim <= 1:
                with torch.no_grad():
                    tensor.uniform_(0.5, 1.5)


def _difference(ours: Counter[Signature], real: Counter[Signature]) -> str:
    return f"no: {(ours - real).total()} predicted only, {(real - ours).total()} reported only"


def _print_difference(title: str, difference: Counter[Signature]) -> None:
    for (name, sizes, joined), count in sorted(difference.items()):
        print(f"    {title}: {count} x {' + '.join([name, *joined])} {'x'.join(map(str, sizes))}")


if __name__ == "__main__":
    main()
