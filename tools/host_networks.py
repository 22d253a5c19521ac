"""The networks that `host-cpu` is measured on: families the fit learns from, and families that only judge it.

A family is either in the fit or among the judges, with all its networks. Of the search spaces, other architectures
judge than those learnt from.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from nas.hardware.samples import ArchitectureSample, Sample, TimmSample
from nas.space.document import space_names
from nas.space.space import load_space

LEARNT_SEEDS = range(8)
JUDGING_SEEDS = range(100, 105)

# By family, networks with the sides of their images.
Families = dict[str, tuple[tuple[str, int], ...]]
LEARNT: Families = {
    "mobilenetv1": (("mobilenetv1_100", 128),),
    "mobilenetv2": (("mobilenetv2_035", 96), ("mobilenetv2_100", 128), ("mobilenetv2_140", 224)),
    "mobilenetv3": (("mobilenetv3_small_050", 96), ("mobilenetv3_small_100", 160), ("mobilenetv3_large_100", 224)),
    "efficientnet": (("efficientnet_b0", 128), ("efficientnet_b1", 192), ("efficientnet_es", 160)),
    "mobilenet_edgetpu": (("mobilenet_edgetpu_100", 192),),
    "fbnet": (("fbnetc_100", 160), ("fbnetv3_b", 128)),
    "lcnet": (("lcnet_050", 128), ("lcnet_100", 192)),
    "hardcorenas": (("hardcorenas_a", 160),),
    "spnasnet": (("spnasnet_100", 128),),
    "repghostnet": (("repghostnet_100", 128), ("repghostnet_050", 192)),
    "repvgg": (("repvgg_a0", 128),),
    "mobileone": (("mobileone_s0", 160),),
    "densenet": (("densenet121", 96),),
    "dla": (("dla46_c", 160), ("dla60x_c", 128)),
    "res2net": (("res2net50_26w_4s", 96),),
    "selecsls": (("selecsls42", 128),),
    "hrnet": (("hrnet_w18_small", 128),),
    "csp": (("cspresnet50", 96), ("darknet17", 96)),
    "vovnet": (("ese_vovnet19b_dw", 160),),
    "mixnet": (("mixnet_s", 160),),
    "rexnet": (("rexnet_100", 160),),
    "hgnet": (("hgnetv2_b0", 160),),
    "gernet": (("gernet_s", 128),),
    "starnet": (("starnet_s1", 160), ("starnet_s050", 224)),
    "inception_next": (("inception_next_atto", 160),),
    "mambaout": (("mambaout_femto", 128),),
    "swiftformer": (("swiftformer_xs", 160),),
    "shvit": (("shvit_s1", 224),),
    "efficientvit_mit": (("efficientvit_m0", 224), ("efficientvit_m2", 192)),
    "efficientformer": (("efficientformer_l1", 224), ("efficientformerv2_s0", 224)),
    "tiny_vit": (("tiny_vit_5m_224", 224),),
    "pvt": (("pvt_v2_b0", 160),),
    "twins": (("twins_pcpvt_small", 128),),
    "vit": (("vit_small_patch32_224", 224),),
    "mixer": (("mixer_s32_224", 224), ("resmlp_12_224", 224)),
    "coat": (("coat_lite_tiny", 160),),
    "coatnet": (("coatnet_nano_rw_224", 224), ("coatnet_pico_rw_224", 224)),
    "maxvit": (("maxvit_rmlp_pico_rw_256", 256),),
    "nextvit": (("nextvit_small", 128),),
    "visformer": (("visformer_tiny", 224),),
    "caformer": (("convformer_s18", 96), ("caformer_s18", 128)),
    "focalnet": (("focalnet_tiny_srf", 128),),
    "fasternet": (("fasternet_t0", 192),),
    "pit": (("pit_ti_224", 224),),
    "mobilevitv2": (("mobilevitv2_050", 128), ("mobilevitv2_075", 192)),
    "mobilenetv4_conv": (("mobilenetv4_conv_small", 160), ("mobilenetv4_conv_medium", 128)),
}
JUDGING: Families = {
    "mobilevit": (("mobilevit_xxs", 128), ("mobilevit_xs", 192)),
    "edgenext": (("edgenext_xx_small", 160), ("edgenext_x_small", 224)),
    "fastvit": (("fastvit_t8", 160),),
    "levit": (("levit_128s", 224),),
    "deit": (("deit_tiny_patch16_224", 224), ("deit_tiny_patch16_224", 128)),
    "convnext": (("convnext_atto", 128), ("convnextv2_femto", 160)),
    "regnet": (("regnety_002", 128), ("regnetx_004", 192)),
    "resnet": (("resnet18", 96), ("resnet26", 160), ("resnet50", 128)),
    "ghostnet": (("ghostnet_100", 160), ("ghostnet_100", 224)),
    "efficientnet_lite": (("efficientnet_lite0", 128), ("efficientnet_lite0", 224)),
    "repvit": (("repvit_m0_9", 160),),
    "mnasnet": (("mnasnet_100", 128), ("mnasnet_small", 192)),
    "mobilenetv4_hybrid": (("mobilenetv4_hybrid_medium", 192),),
    "efficientvit_b": (("efficientvit_b0", 160), ("efficientvit_b1", 128)),
    "tinynet": (("tinynet_e", 96), ("tinynet_c", 160)),
    "xcit": (("xcit_nano_12_p16_224", 224),),
    "poolformer": (("poolformer_s12", 128),),
}


@dataclass(frozen=True)
class HostNetwork:
    """A network to measure, the family it is left out with, and whether it only judges."""

    sample: Sample
    family: str
    judges: bool


def host_networks() -> list[HostNetwork]:
    """Return all networks, learnt and judging ones in turn, so that a restless hour hits both."""
    learnt = [*_timm(LEARNT, judges=False), *_sampled(LEARNT_SEEDS, judges=False)]
    judging = [*_timm(JUDGING, judges=True), *_sampled(JUDGING_SEEDS, judges=True)]
    every = [*learnt, *judging]
    random.Random(0).shuffle(every)
    return every


def _timm(families: Families, *, judges: bool) -> Iterator[HostNetwork]:
    for family, members in families.items():
        for model, side in members:
            yield HostNetwork(TimmSample(model, side), family, judges)


def _sampled(seeds: range, *, judges: bool) -> Iterator[HostNetwork]:
    for name in space_names():
        space = load_space(name)
        for seed in seeds:
            sample = ArchitectureSample(space.sample(random.Random(seed)), name)
            yield HostNetwork(sample, f"{name} {'judging' if judges else seed // 2}", judges)
