"""The Python module beside a network in timm's format: its blocks' own sources, its description, its name for timm."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas.export.source import External, JoinedSource, Symbol, join

if TYPE_CHECKING:
    from nas.space.architecture import Architecture

NAME = "nas_winner"
"""What the module is called, and the model in timm."""

_NETWORK: Symbol = ("nas.model.timm_model", "Network")
_IMPORTS = (
    External("pathlib", "Path", "Path"),
    External("typing", "Any", "Any"),
    *(External("timm.models", name, name) for name in ("build_model_with_cfg", "generate_default_cfgs")),
    External("timm.models", "register_model", "register_model"),
)
_USED_BELOW = ("STEM", "STAGES", "HEAD", "IMG_SIZE", "default_cfgs", NAME, "_network")

_ABOUT = '''"""A network found by architecture search, for timm: {img_size} pixels, architecture {digest}.

This file needs torch and timm, nothing else. With its folder on the path:

    import {name}, timm

    model = timm.create_model("{name}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
"""

from __future__ import annotations

'''

_ENTRY = """

# The network.

IMG_SIZE = {img_size}
STEM = {stem}
STAGES = {stages}
HEAD = {head}

default_cfgs = generate_default_cfgs(
    {{
        "{name}": {{
            "file": str(Path(__file__).with_name("model.safetensors")),{cfg}
        }}
    }}
)


@register_model
def {name}(pretrained: bool = False, **kwargs: Any) -> {network}:
    \"\"\"Make the network; `pretrained` loads the weights that lie beside this file.\"\"\"
    network: {network} = build_model_with_cfg(_network, "{name}", pretrained, **kwargs)
    return network


def _network(img_size: tuple[int, int] = IMG_SIZE, **kwargs: Any) -> {network}:
    return {network}(STEM, STAGES, HEAD, img_size=img_size, **kwargs)
"""


def module_source(architecture: Architecture, cfg: Mapping[str, Any]) -> str:
    """Return the source of a module that registers the network of an architecture with timm.

    Args:
        architecture: what the network is.
        cfg: timm's ``pretrained_cfg``, without the place of the weights.

    Raises:
        NasError: if a block's source is not found or cannot stand alone.
    """
    described = (architecture.stem, architecture.head, *(b for stage in architecture.stages for b in stage))
    roots = dict.fromkeys((_NETWORK, *(_symbol(part) for part in described)))
    joined = join(list(roots), package="nas", imports=_IMPORTS, reserved=_USED_BELOW)
    img_size = (architecture.resolution, architecture.resolution)
    stages = [[_call(block, joined) for block in stage] for stage in architecture.stages]
    entry = _ENTRY.format(
        name=NAME,
        img_size=img_size,
        stem=_call(architecture.stem, joined),
        stages=_nested(stages),
        head=_call(architecture.head, joined),
        cfg="".join(f'\n            "{key}": {_literal(value)},' for key, value in cfg.items()),
        network=joined.names[_NETWORK],
    )
    about = _ABOUT.format(name=NAME, img_size=" x ".join(map(str, img_size)), digest=architecture.digest)
    return about + joined.text + entry


def _symbol(part: object) -> Symbol:
    return type(part).__module__, type(part).__name__


def _call(part: Any, joined: JoinedSource) -> str:
    """Write a description as the call that makes it; defaults stand in its class already."""
    values = ((f, getattr(part, f.name)) for f in dataclasses.fields(part))
    given = [f"{f.name}={_literal(value)}" for f, value in values if value != f.default]
    return f"{joined.names[_symbol(part)]}({', '.join(given)})"


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _nested(stages: list[list[str]]) -> str:
    lines = [f"    ({''.join(f'{chr(10)}        {call},' for call in stage)}\n    )," for stage in stages]
    return "\n".join(["(", *lines, ")"])
