"""`nas predict`: cost and latency of one network."""

from __future__ import annotations

import argparse
from pathlib import Path

from nas.cli.answers import print_json
from nas.cli.blocks import add_blocks_flag, load_named
from nas.cli.values import whole

HELP = "predict cost and latency of a network on a target"
EXAMPLES = (
    "examples:\n  nas predict --target jetson-orin --model timm:mobilenetv3_small_100 --resolution 192\n"
    "  nas predict --target host-cpu --model exported/model.onnx\n"
    "  nas predict --target coral-edgetpu --architecture runs/NAME/winner/architecture.json --json\n"
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--target", required=True, metavar="NAME", help="hardware profile: a name or a YAML file")
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--model", metavar="timm:NAME", help="any model of timm, or an ONNX file")
    network.add_argument("--architecture", metavar="FILE", help="an architecture in JSON or YAML")
    parser.add_argument("--resolution", type=whole, metavar="R", help="side of the image (default: the network's own)")
    parser.add_argument("--kernels", type=whole, default=10, metavar="N", help="slowest kernels shown (default: 10)")
    add_blocks_flag(parser)
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas predict``."""
    from nas.jobs.predict import predict_architecture, predict_onnx, predict_timm

    load_named(arguments)
    if arguments.model is not None and arguments.model.endswith(".onnx"):
        found = predict_onnx(arguments.target, Path(arguments.model), arguments.resolution)
    elif arguments.model is not None:
        found = predict_timm(arguments.target, arguments.model, arguments.resolution)
    else:
        found = predict_architecture(arguments.target, Path(arguments.architecture), arguments.resolution)
    if arguments.json:
        return print_json(found)
    from nas.cli.summary import prediction_text

    print(prediction_text(found, arguments.kernels))
    return 0
