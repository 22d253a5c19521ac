"""timm's own format: a folder with ``config.json``, ``model.safetensors`` and, where timm has no such model, a module.

The folder is what `timm.create_model("local-dir:...")` reads. A network that timm has needs nothing else; of any
other, the module beside the weights registers it, and importing it comes first.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import torch_compat
from nas.errors import NasError
from nas.export.folder import write_folder
from nas.export.formats import ModelFacts
from nas.export.timm_module import NAME, module_source
from nas.export.usage import PHOTO, Snippet

if TYPE_CHECKING:
    from torch import nn

    from nas.export.formats import Run
    from nas.space.architecture import Architecture

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
MODULE = f"{NAME}.py"
_MAX_SECONDS = 300
_KEPT = ("fixed_input_size", "interpolation", "crop_pct", "crop_mode", "pool_size", "first_conv", "classifier")


@dataclass(frozen=True, slots=True)
class TimmExporter:
    """Writes the folder; runs it in a Python process that cannot import this package."""

    suffix: str = ".timm"
    batch_sizes: tuple[int, ...] = (64,)  # one process a batch; plain PyTorch knows no other difference
    tolerance: float | None = 1e-5
    folds: bool = False  # the module beside it builds what was trained
    needs: tuple[str, ...] = ()
    extra: str = ""

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` into the folder `path`, whole or not at all.

        Raises:
            NasError: if the facts have no architecture, or a block's source cannot stand alone.
        """
        from safetensors.torch import save

        texts = documents(facts)
        # A copy each: safetensors refuses views and tensors that share memory.
        tensors = {name: t.detach().clone().contiguous() for name, t in module.state_dict().items()}
        weights = save(tensors, metadata={"digest": facts.digest})
        write_folder(path, {WEIGHTS: weights, **{name: text.encode() for name, text in texts.items()}})

    def load(self, path: Path) -> Run:
        """Return a function that loads `path` with timm in a process of its own and runs images through it."""
        return lambda images: _run_apart(path, images)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the folder at `path`."""
        lines = [
            "import sys, timm, PIL.Image",
            f'sys.path.insert(0, "{path}"); import {NAME}',
            f'network = timm.create_model("local-dir:{path}", pretrained=True).eval()',
            "prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(network))",
            f'print(network(prepare(PIL.Image.open("{PHOTO}").convert("RGB"))[None]).argmax().item())',
        ]
        return Snippet("\n".join(line for line in lines if not (_known_name(facts) and NAME in line)))


EXPORTER = TimmExporter()


def documents(facts: ModelFacts) -> dict[str, str]:
    """Return what stands beside the weights, by file name.

    Raises:
        NasError: if the facts have neither an architecture nor timm's name, or a block's source cannot stand alone.
    """
    architecture, name = facts.architecture, _known_name(facts)
    if architecture is None and name is None:
        raise NasError("timm: a network can be written only with its architecture, or if it is one of timm's")
    cfg = pretrained_cfg(architecture, facts) if architecture is not None else _own_cfg(facts)
    config = {
        "architecture": name or NAME,
        **({"num_classes": architecture.num_classes, "num_features": architecture.features} if architecture else {}),
        **({"num_classes": facts.num_classes} if architecture is None else {}),
        **({"label_names": list(facts.class_names)} if facts.class_names else {}),
        "pretrained_cfg": cfg,
        **({"model_args": {"img_size": facts.resolution}} if architecture is None and cfg["fixed_input_size"] else {}),
    }
    texts = {CONFIG: json.dumps(config, indent=1, ensure_ascii=False) + "\n"}
    return texts if name or architecture is None else {**texts, MODULE: module_source(architecture, cfg)}


def _known_name(facts: ModelFacts) -> str | None:
    """Return what timm calls the network; None if timm has it not."""
    if facts.timm_name:
        return facts.timm_name
    return None if facts.architecture is None else published_name(facts.architecture)


def published_name(architecture: Architecture) -> str | None:
    """Return what timm calls a network that is one of the zoo up to resolution and classes; None for any other.

    Networks whose weights timm names otherwise are none of timm's.
    """
    from nas.model.timm_names import timm_from_ours
    from nas.model.zoo import PAPERS, zoo_architecture

    sizes = {"resolution": architecture.resolution, "num_classes": architecture.num_classes}
    for name in PAPERS:
        if zoo_architecture(name, **sizes) == architecture:
            weights = _names(architecture)
            return name if timm_from_ours(architecture, weights).keys() == weights.keys() else None
    return None


def pretrained_cfg(architecture: Architecture, facts: ModelFacts) -> dict[str, Any]:
    """Return how timm prepares images for the network, and where its ends are."""
    return {
        "input_size": (len(facts.mean), architecture.resolution, architecture.resolution),
        "fixed_input_size": architecture.stem.kind == "tokens",
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "mean": tuple(facts.mean),
        "std": tuple(facts.std),
        "num_classes": architecture.num_classes,
        "first_conv": "conv_stem",
        "classifier": "classifier",
    }


def _own_cfg(facts: ModelFacts) -> dict[str, Any]:
    """Return timm's own description of one of its models, with the facts' images and without the place of weights."""
    import timm

    cfg: dict[str, Any] = timm.get_pretrained_cfg(facts.timm_name).to_dict()
    told = {name: cfg[name] for name in _KEPT if cfg.get(name) is not None}
    own = {"input_size": facts.input_shape, "mean": facts.mean, "std": facts.std, "num_classes": facts.num_classes}
    return {"fixed_input_size": False, **told, **own}


def _names(architecture: Architecture) -> dict[str, Any]:
    import torch

    from nas.model.network import assemble

    with torch.device("meta"):
        return dict(assemble(architecture).state_dict())


def _run_apart(folder: Path, images: Any) -> Any:
    import numpy as np

    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "images.npy", Path(scratch) / "logits.npy"
        np.save(given, images)
        # Isolated (-I): neither the folder it is started in nor the user's paths count. No bytecode (-B) in the folder.
        command = [sys.executable, "-I", "-B", "-c", LOADER, str(torch_compat.__file__), str(folder.absolute())]
        try:
            done = subprocess.run(
                [*command, str(given), str(found)], capture_output=True, text=True, check=False, timeout=_MAX_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise NasError(f"{folder}: loading it with timm alone took over {_MAX_SECONDS} s") from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise NasError(f"{folder}: it does not load with timm alone: {lines[-1]}")
        return np.load(found)


LOADER = """
import sys
from pathlib import Path

sys.modules["nas"] = None  # importing it fails from here on
compat, folder, given, found = sys.argv[1:]
mended = {"__name__": "compat", "__file__": compat}
exec(compile(Path(compat).read_text(), compat, "exec"), mended)  # makes timm importable beside any torchvision
mended["prepare"]()

import numpy as np
import timm
import torch

torch.set_num_threads(1)
module = next(Path(folder).glob("*.py"), None)
if module is not None:
    sys.path.insert(0, folder)
    __import__(module.stem)
model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
with torch.inference_mode():
    np.save(found, model(torch.from_numpy(np.load(given))).numpy())
"""
"""What that process runs, with the files of `nas.torch_compat`, the folder, the images and the logits."""
