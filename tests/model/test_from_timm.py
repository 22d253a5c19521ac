"""Any timm model is either read as the same network, or refused with the module that is not ours."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn

from nas.errors import UserError
from nas.model import from_timm
from nas.model.from_timm import architecture_from_timm, create_timm_model
from nas.model.network import build
from nas.space.architecture import Architecture
from tests.model.same_as_timm import difference


@pytest.mark.parametrize(
    "name",
    [
        "test_efficientnet",
        "test_efficientnet_ln",
        "mobilenetv4_conv_small_035",
        "ghostnet_050",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("mnasnet_small", "semnasnet_075", "efficientnet_es")),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("ghostnet_130", "convnext_femto", "convnext_tiny")),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("deit_small_patch16_224", "vit_small_patch32_224")),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("efficientvit_b1", "efficientvit_b2")),
    ],
)
def test_models_beyond_the_zoo_are_read_too(name: str) -> None:
    torch.manual_seed(0)
    architecture = Architecture.from_timm(name, resolution=64)
    sized = {"img_size": 64} if architecture.stem.kind == "tokens" else {}  # its weights depend on the size
    model = timm.create_model(name, **sized).eval()
    assert difference(architecture, build(architecture).eval(), model) <= 1e-5


def test_one_network_under_two_names_is_one_architecture() -> None:
    assert architecture_from_timm("vit_tiny_patch16_224") == architecture_from_timm("deit_tiny_patch16_224")


def test_size_and_classes_are_the_models_own_or_chosen() -> None:
    own = architecture_from_timm("tinynet_e")
    assert (own.resolution, own.num_classes) == (106, 1000)
    chosen = architecture_from_timm("tinynet_e", resolution=64, num_classes=7)
    assert (chosen.resolution, chosen.num_classes, chosen.stages) == (64, 7, own.stages)


@pytest.mark.parametrize("wrong", [{"resolution": 0}, {"resolution": 9999}, {"num_classes": 0}])
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"tinynet_e.*{next(iter(wrong))} must be"):
        architecture_from_timm("tinynet_e", **wrong)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("resnet18", "it is a ResNet; read are timm's classes EfficientNet, MobileNetV3, GhostNet, ConvNeXt"),
        ("tf_efficientnetv2_b0", r"conv_stem is Conv2dSame\(.*where an architecture has Conv2d\("),
        ("mixnet_s", "blocks.*conv_pw.* is a MixedConv2d, not a Conv2d"),
        ("efficientnet_cc_b0_4e", "blocks.* is a CondConvResidual; read are ConvBnAct"),
        ("mobilenetv3_rw", r"bn1 is .*eps=0.001.*where an architecture has .*eps=1e-05"),
        ("mobilenetv4_conv_aa_medium", r"blocks.0.0.aa is AvgPool2d\(.*an architecture has nothing"),
        ("test_efficientnet_gn", r"bn1 is GroupNormAct\(.*where an architecture has BatchNormAct2d"),
        ("ghostnetv2_100", r"blocks.2.0.ghost1 is GhostModuleV2\(\), where an architecture has GhostModule"),
        ("convnext_atto_ols", "stem is 3 modules; read is a stem of patches"),
        ("convnext_atto_rms", r"stem.1 is RmsNorm2d\(.*where an architecture has LayerNorm2d"),
        (
            "convnextv2_atto",
            r"blocks.0 is ConvNeXtBlock\(.*where an architecture has ConvNeXtBlock.* with gamma \(40,\)",
        ),
        ("deit3_small_patch16_224", r"blocks.0.ls1 is LayerScale\(.*where an architecture has nothing"),
        ("vit_base_patch16_gap_224", "the model is VisionTransformer.*global_pool='avg'.*has_class_token=False"),
        ("vit_small_patch16_18x2_224", "blocks.0 is a ParallelThingsBlock, not a Block"),
        ("vit_small_patch8_224", "it has no classifier"),
        ("efficientvit_l1", "it is a EfficientVitLarge"),
    ],
)
def test_what_is_not_ours_is_refused_by_the_modules_name(name: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"(?s)^timm model '{name}' cannot be written as an architecture: .*{reason}"):
        architecture_from_timm(name)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown timm model 'mobilenetv2_101'; did you mean 'mobilenetv2_1"):
        architecture_from_timm("mobilenetv2_101")


def _without_skip(model: nn.Module) -> None:
    model.get_submodule("blocks.2.1").has_skip = False


def _other_epsilon(model: nn.Module) -> None:
    model.get_submodule("blocks.4.2.bn2").eps = 1e-3


def _other_activation(model: nn.Module) -> None:
    model.get_submodule("blocks.3.0.bn2").act = nn.LeakyReLU()


def _other_padding(model: nn.Module) -> None:
    model.get_submodule("blocks.1.0.conv_dw").padding = (0, 0)


def _other_pooling(model: nn.Module) -> None:
    model.global_pool.pool_type = "max"


@pytest.mark.parametrize(
    ("change", "module"),
    [
        (_without_skip, "blocks.2.1 is InvertedResidual"),
        (_other_epsilon, "blocks.4.2.bn2 is"),
        (_other_activation, "blocks.3.0.bn2.act is LeakyReLU"),
        (_other_padding, "blocks.1.0.conv_dw is"),
        (_other_pooling, "global_pool is 'max'"),
    ],
)
def test_nothing_of_a_model_is_overlooked(
    change: Callable[[nn.Module], None], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(name: str) -> nn.Module:
        model = create_timm_model(name)
        change(model)
        return model

    monkeypatch.setattr(from_timm, "create_timm_model", changed)
    with pytest.raises(UserError, match=f"architecture: {module}"):
        architecture_from_timm("mobilenetv2_050")


@pytest.mark.parametrize(
    ("name", "attribute", "value", "module"),
    [
        ("convnext_atto", "stages.1.blocks.1.norm.eps", 1e-5, "stages.1.blocks.1.norm is"),
        ("convnext_atto", "stages.2.downsample.1.padding", (1, 1), "stages.2.downsample.1 is"),
        ("convnext_atto", "head.global_pool.pool_type", "max", "head.global_pool is"),
        ("deit_tiny_patch16_224", "blocks.3.attn.scale", 1.0, "blocks.3.attn is"),
        ("deit_tiny_patch16_224", "num_prefix_tokens", 2, "the model is"),
        (
            "efficientvit_b0",
            "stages.2.blocks.1.context_module.main.eps",
            1e-3,
            "stages.2.blocks.1.context_module.main is",
        ),
        ("ghostnet_100", "bn1.eps", 1e-3, "bn1 is"),
    ],
)
def test_nothing_of_the_other_classes_is_overlooked(
    name: str, attribute: str, value: object, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(name: str) -> nn.Module:
        model = create_timm_model(name)
        *path, last = attribute.split(".")
        setattr(model.get_submodule(".".join(path)), last, value)
        return model

    monkeypatch.setattr(from_timm, "create_timm_model", changed)
    with pytest.raises(UserError, match=f"architecture: .*{module}"):
        architecture_from_timm(name)


def test_a_resolution_at_which_timm_cuts_the_map_is_refused() -> None:
    with pytest.raises(UserError, match="resolution 200 gives a map of side 25 that timm cuts to a multiple of 2"):
        architecture_from_timm("convnext_atto", resolution=200)
    with pytest.raises(UserError, match="side 100 that timm cuts to a multiple of 16"):
        architecture_from_timm("deit_tiny_patch16_224", resolution=100)
    assert architecture_from_timm("efficientvit_b0", resolution=100).resolution == 100
