"""Published networks as architectures: same weights and outputs as timm's, by the same names or translated ones.

They seed every search whose space contains them, and stand beside the winner as baselines. Each is a file of the
folder ``zoo/``, an architecture like any other; `tools.write_zoo` reads them from timm, which is not needed here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

from nas.errors import unknown_name
from nas.resources import shipped_dir
from nas.space.architecture import Architecture

FOLDER = "zoo"

PAPERS: Mapping[str, str] = {
    "mobilenetv1_100": "Howard et al. 2017, arXiv 1704.04861",
    "mobilenetv2_050": "Sandler et al. 2018, arXiv 1801.04381",
    "mobilenetv2_100": "Sandler et al. 2018, arXiv 1801.04381",
    "mobilenetv2_140": "Sandler et al. 2018, arXiv 1801.04381",
    "mobilenetv3_small_050": "Howard et al. 2019, arXiv 1905.02244",
    "mobilenetv3_small_100": "Howard et al. 2019, arXiv 1905.02244",
    "mobilenetv3_large_075": "Howard et al. 2019, arXiv 1905.02244",
    "mobilenetv3_large_100": "Howard et al. 2019, arXiv 1905.02244",
    "mobilenetv4_conv_small": "Qin et al. 2024, arXiv 2404.10518",
    "mobilenetv4_conv_medium": "Qin et al. 2024, arXiv 2404.10518",
    "mobilenetv4_hybrid_medium": "Qin et al. 2024, arXiv 2404.10518",
    "mnasnet_100": "Tan et al. 2018, arXiv 1807.11626",
    "fbnetc_100": "Wu et al. 2018, arXiv 1812.03443",
    "spnasnet_100": "Stamoulis et al. 2019, arXiv 1904.02877",
    "hardcorenas_a": "Nayman et al. 2021, arXiv 2102.11646",
    "hardcorenas_f": "Nayman et al. 2021, arXiv 2102.11646",
    "efficientnet_b0": "Tan and Le 2019, arXiv 1905.11946",
    "efficientnet_b1": "Tan and Le 2019, arXiv 1905.11946",
    "efficientnet_lite0": "Liu 2020, EfficientNet-Lite (no paper), after Tan and Le 2019, arXiv 1905.11946",
    "efficientnet_lite1": "Liu 2020, EfficientNet-Lite (no paper), after Tan and Le 2019, arXiv 1905.11946",
    "efficientnetv2_rw_t": "Wightman 2021, in timm (no paper), after Tan and Le 2021, arXiv 2104.00298",
    "tinynet_a": "Han et al. 2020, arXiv 2010.14819",
    "tinynet_e": "Han et al. 2020, arXiv 2010.14819",
    "ghostnet_100": "Han et al. 2019, arXiv 1911.11907",
    "convnext_atto": "Wightman 2022, in timm (no paper), after Liu et al. 2022, arXiv 2201.03545",
    "deit_tiny_patch16_224": "Touvron et al. 2020, arXiv 2012.12877",
    "efficientvit_b0": "Cai et al. 2022, arXiv 2205.14756",
    "lcnet_050": "Cui et al. 2021, arXiv 2109.15099",
    "lcnet_100": "Cui et al. 2021, arXiv 2109.15099",
}
"""Where each network was published, by timm's model name."""


def zoo_architecture(name: str, *, resolution: int | None = None, num_classes: int | None = None) -> Architecture:
    """Return a published network as an architecture.

    Args:
        name: timm's name of it.
        resolution: side of the input image; None takes the network's own.
        num_classes: None takes ImageNet's thousand.

    Raises:
        UserError: if the zoo has no such name.
    """
    if name not in PAPERS:
        raise unknown_name("zoo network", name, PAPERS)
    published = _published(name)
    return replace(
        published,
        resolution=published.resolution if resolution is None else resolution,
        num_classes=published.num_classes if num_classes is None else num_classes,
    )


@functools.cache
def _published(name: str) -> Architecture:
    path = shipped_dir(FOLDER) / f"{name}.json"
    return Architecture.from_json(path.read_text(encoding="utf-8"), source=str(path))


def _sized(name: str, resolution: int, num_classes: int) -> Architecture:
    return zoo_architecture(name, resolution=resolution, num_classes=num_classes)


ZOO: Mapping[str, Callable[[int, int], Architecture]] = {name: functools.partial(_sized, name) for name in PAPERS}
"""Makers ``(resolution, num_classes) -> Architecture``, by timm's model name."""
