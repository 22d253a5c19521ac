"""Predicting one network on one target: any timm model, an ONNX file, or an architecture from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import schema
from nas.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from nas.cost.cost import Cost
    from nas.hardware.predictor import LatencyEstimate

_TIMM = "timm:"
_MAX_RESOLUTION = 4096


def predict_timm(target: str, model: str, resolution: int | None) -> dict[str, Any]:
    """Predict a timm model.

    Args:
        target: name or path of a hardware profile.
        model: ``timm:NAME`` (or only ``NAME``).
        resolution: side of the input image; None takes the model's own.

    Raises:
        UserError: if target or model do not exist, or the model cannot have the resolution.
    """
    import torch

    from nas.cost.cost import trace_cost
    from nas.cost.trace import trace_module
    from nas.hardware.predictor import LatencyPredictor
    from nas.hardware.profile import load_profile
    from nas.model.folding import folded

    profile = load_profile(target)
    if resolution is not None and not 8 <= resolution <= _MAX_RESOLUTION:
        raise UserError(f"resolution {resolution}: allowed are 8 to {_MAX_RESOLUTION} pixels")
    name = model.removeprefix(_TIMM)
    module, side = timm_module(name, resolution)
    shape = (3, side, side)
    try:
        with torch.device("meta"), torch.no_grad():
            module = folded(module)  # as it is deployed, like every architecture
        trace = trace_module(module, shape)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise _impossible(name, side, error) from None
    estimate = LatencyPredictor(profile).estimate_module(module, shape)
    return document(target, _TIMM + name, side, trace_cost(trace), estimate, trace.uncovered)


def predict_architecture(target: str, path: Path, resolution: int | None) -> dict[str, Any]:
    """Predict an architecture from a JSON or YAML file.

    Raises:
        UserError: if target or file are wrong.
    """
    from dataclasses import replace

    from nas.blocks.user import load_run_blocks
    from nas.cost.cost import CostModel
    from nas.hardware.predictor import LatencyPredictor
    from nas.hardware.profile import load_profile
    from nas.space.architecture import load_architecture

    profile = load_profile(target)
    if path.absolute().parent.name == "winner":
        load_run_blocks(path.absolute().parents[1])
    architecture = load_architecture(path)
    if resolution is not None:
        try:
            architecture = replace(architecture, resolution=resolution)
        except ValueError as error:
            raise UserError(str(error)) from None
    cost = CostModel().cost(architecture)
    estimate = LatencyPredictor(profile).estimate(architecture)
    return document(target, str(path), architecture.resolution, cost, estimate)


def predict_onnx(target: str, path: Path, resolution: int | None) -> dict[str, Any]:
    """Predict an ONNX file; its batch norms may be folded already, which its MACs then show.

    Args:
        target: name or path of a hardware profile.
        path: of the file.
        resolution: side of the input image, where the file leaves it open.

    Raises:
        UserError: if target or file are wrong.
    """
    from nas.cost.cost import trace_cost
    from nas.cost.onnx_trace import load_onnx
    from nas.hardware.predictor import LatencyPredictor
    from nas.hardware.profile import load_profile

    profile = load_profile(target)
    model = load_onnx(path, resolution)
    estimate = LatencyPredictor(profile).estimate_trace(model.trace)
    return document(target, str(path), model.input_shape[1], trace_cost(model.trace), estimate, model.trace.uncovered)


def timm_module(name: str, resolution: int | None) -> tuple[nn.Module, int]:
    """Build a timm model without weights, and return it with the side of its input image.

    Raises:
        UserError: if timm has no such model.
    """
    from nas.model.from_timm import require_timm_model

    require_timm_model(name)
    import timm
    import torch

    with torch.device("meta"):
        try:
            module = timm.create_model(name, **({} if resolution is None else {"img_size": resolution}))
        except TypeError:  # only models with position embeddings take a size
            module = timm.create_model(name)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise _impossible(name, resolution, error) from None
    side = resolution or int(module.default_cfg["input_size"][-1])
    return module, side


def document(
    target: str,
    model: str,
    resolution: int,
    cost: Cost,
    estimate: LatencyEstimate,
    uncovered_ops: Sequence[str] = (),
) -> dict[str, Any]:
    """Write a prediction as plain data.

    Args:
        target: name or path of the hardware profile.
        model: what was predicted, as it was asked for.
        resolution: side of the input image.
        cost: what one image costs.
        estimate: the latency.
        uncovered_ops: operations whose MACs are not known and counted as none.
    """
    return {
        "target": target,
        "model": model,
        "resolution": resolution,
        "macs": cost.macs,
        "params": cost.params,
        "peak_memory_bytes": cost.peak_memory_bytes,
        "latency_ms": estimate.latency_ms,
        "latency_interval_ms": list(estimate.interval_ms),
        "energy_mj": estimate.energy_mj,
        "extrapolated": estimate.extrapolated,
        "unsupported": list(estimate.unsupported),
        "uncovered": estimate.uncovered,
        "uncovered_ops": list(uncovered_ops),
        "evidence": schema.to_dict(estimate.evidence),
        "kernels": sorted((schema.to_dict(k) for k in estimate.kernels), key=lambda k: -k["latency_ms"]),
    }


def _impossible(name: str, side: int | None, error: Exception) -> UserError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    where = "its own resolution" if side is None else f"{side} pixels"
    return UserError(f"timm model {name!r} cannot run at {where} ({reason})")
