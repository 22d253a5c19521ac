"""A supernet that starts from a checkpoint of timm's computes at that point what timm computes."""

import dataclasses
import random
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from nas import schema
from nas.blocks import Block, block_types
from nas.errors import UserError
from nas.model import warm_start
from nas.model.from_timm import architecture_from_timm
from nas.model.network import build
from nas.model.supernet import Supernet
from nas.model.warm_start import WarmStart, checkpoint, content_digest, read_warm_start, starting_point, warm, warmed
from nas.space.architecture import Architecture
from nas.space.document import SpaceDocument
from nas.space.space import SearchSpace, load_space, space_from_document
from tests.model.test_every_family import spaces

TINY = "test_efficientnet"


def with_statistics(network: nn.Module) -> nn.Module:
    """Move everything away from its initial value, so that what is forgotten shows."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network.eval()


def space_around(architecture: Architecture) -> SearchSpace:
    """Return a space of an architecture and larger ones."""
    stages = []
    for blocks in architecture.stages:
        families = {}
        for block in blocks:
            choices = families.setdefault(block.kind, {})
            for name, value in fields_of(block).items():
                if name not in ("out_chs", "stride"):
                    choices.setdefault(name, {6.0} if name == "exp_ratio" else set()).add(value)
        listed = [{"kind": kind, **{n: sorted(v) for n, v in choices.items()}} for kind, choices in families.items()]
        out_chs = [blocks[0].out_chs, blocks[0].out_chs + 8]
        depth = [len(blocks), len(blocks) + 1]
        stages.append({"depth": depth, "out_chs": out_chs, "stride": blocks[0].stride, "blocks": listed})
    document = {
        "name": "around",
        "description": "an architecture and larger ones",
        "resolution": [architecture.resolution],
        "stem": fields_of(architecture.stem),
        "stages": tuple(stages),
        "heads": (fields_of(architecture.head),),
    }
    read = schema.read(SpaceDocument, document, source="around")
    return space_from_document(read).for_classes(architecture.num_classes)


def fields_of(part: object) -> dict[str, object]:
    return {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}


@pytest.fixture(scope="module")
def mobile_hybrid() -> Supernet:
    return Supernet(load_space("mobile-hybrid")).eval()


@pytest.mark.parametrize("name", ["mobilenetv2_100", "mobilenetv3_large_100", "efficientnet_b0", "mnasnet_100"])
def test_the_subnet_gives_what_timms_model_gives(name: str, mobile_hybrid: Supernet) -> None:
    torch.manual_seed(0)
    model = with_statistics(timm.create_model(name))
    point = starting_point(WarmStart(name), mobile_hybrid.space)
    warm(mobile_hybrid, point, model.state_dict(), source=name)
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected = model(x)
        assert float((mobile_hybrid(point, x) - expected).abs().max()) <= 1e-5 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize(
    "name", [TINY, *(pytest.param(n, marks=pytest.mark.slow) for n in ("convnext_atto", "efficientvit_b0"))]
)
def test_the_point_may_be_any_model_that_can_be_read(name: str) -> None:
    torch.manual_seed(0)
    architecture = architecture_from_timm(name)
    supernet = Supernet(space_around(architecture)).eval()
    model = with_statistics(timm.create_model(name))
    warm(supernet, starting_point(WarmStart(name), supernet.space), model.state_dict(), source=name)
    x = torch.randn(1, 3, architecture.resolution, architecture.resolution)
    with torch.no_grad():
        assert torch.allclose(supernet(architecture, x), model(x), atol=1e-4)


@pytest.mark.parametrize("family", block_types().values(), ids=block_types().keys())
def test_weights_of_every_family_find_their_place(family: type[Block], tmp_path: Path) -> None:
    for space in spaces(family, tmp_path):
        _each_place_is_found(space)


def _each_place_is_found(space: SearchSpace) -> None:
    supernet, rng = Supernet(space).eval(), random.Random(0)
    for number in range(4):
        architecture = supernet.space.sample(rng)
        network = with_statistics(build(architecture, seed=number))
        supernet.assign(architecture, network.state_dict())
        x = torch.randn(2, 3, 16, 16)
        with torch.no_grad():
            assert torch.allclose(supernet(architecture, x), network(x), atol=1e-5), architecture


def test_other_classes_leave_the_classifier_out_and_nothing_else() -> None:
    architecture = architecture_from_timm(TINY, num_classes=7)
    supernet = Supernet(space_around(architecture)).eval()
    before = {name: tensor.clone() for name, tensor in supernet.weights(architecture).items()}
    model = with_statistics(timm.create_model(TINY))
    warm(supernet, architecture, model.state_dict(), source=TINY)
    after = supernet.weights(architecture)
    assert torch.equal(after["classifier.weight"], before["classifier.weight"])
    others = [name for name in after if not name.startswith("classifier.")]
    assert all(torch.equal(after[name], model.state_dict()[name]) for name in others)


def test_what_lies_beyond_the_point_keeps_its_values() -> None:
    architecture = architecture_from_timm(TINY)
    supernet = Supernet(space_around(architecture))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    warm(supernet, architecture, timm.create_model(TINY).state_dict(), source=TINY)
    after = supernet.state_dict()
    untouched = [name for name in after if name.startswith("blocks.2.1.")]
    assert untouched
    assert all(torch.equal(after[name], before[name]) for name in untouched)
    assert torch.equal(
        after["blocks.2.0.fused_mbconv.bn2.weight"][32:], before["blocks.2.0.fused_mbconv.bn2.weight"][32:]
    )


@pytest.mark.parametrize("text", ["mobilenetv2_100", "timm:", "timm:=a", "timm:a b", "hub:a", "timm:a="])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="allowed: timm:NAME or timm:NAME=FILE"):
        read_warm_start(text)


def test_names_tags_and_files_are_read() -> None:
    assert read_warm_start("timm:a_100.ra_in1k") == WarmStart("a_100.ra_in1k")
    assert WarmStart("a_100.ra_in1k").architecture_name == "a_100"
    start = read_warm_start("timm:a=b/c=d.pth")
    assert (start.model, start.file) == ("a", str(Path("b/c=d.pth").absolute()))
    assert str(start) == f"timm:a={start.file}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mobilenetv3_small_100", "it has 6 stages, the space 7; published networks that are: mobilenetv2_100, "),
        ("fbnetc_100", "block 0 of stage 0 is mbconv, where the space has depthwise_separable"),
        ("mobilenetv2_140", "out_chs of the stem is 48, where the space has 16, 24, 32"),
        ("resnet18", "cannot be written as an architecture: it is a ResNet"),
        ("mobilenetv2_101", "unknown timm model 'mobilenetv2_101'; did you mean"),
    ],
)
def test_what_is_no_point_of_the_space_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        starting_point(WarmStart(name), load_space("mobile-hybrid"))


def test_a_space_without_published_networks_says_none() -> None:
    with pytest.raises(UserError, match="'tiny-hybrid' as far as coral can run it: .*that are: none"):
        starting_point(WarmStart("mobilenetv2_100"), load_space("tiny-hybrid"), of=" as far as coral can run it")


def test_files_of_either_kind_hold_the_same_weights(tmp_path: Path) -> None:
    weights = timm.create_model(TINY).state_dict()
    save_file(weights, tmp_path / "a.safetensors")
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": w for name, w in weights.items()}}, tmp_path / "b.pth")
    space = space_around(architecture_from_timm(TINY))
    starts = [warmed(WarmStart(TINY, str(tmp_path / name)), space) for name in ("a.safetensors", "b.pth")]
    assert starts[0].digest == starts[1].digest == content_digest(weights)
    changed = {**weights, "bn1.bias": weights["bn1.bias"] + 1}
    save_file(changed, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="not those that the run was begun with"):
        checkpoint(starts[0])


def test_files_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": Path("x")}}, tmp_path / "code.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    for name in ("code.pth", "list.pth", "broken.safetensors", "broken.pth"):
        with pytest.raises(UserError, match=f"{name}: not a checkpoint of plain weights"):
            checkpoint(WarmStart(TINY, str(tmp_path / name)))
    with pytest.raises(UserError, match="no such file"):
        checkpoint(WarmStart(TINY, str(tmp_path / "none.pth")))


def test_weights_of_another_model_are_refused() -> None:
    architecture = architecture_from_timm(TINY)
    weights = dict(timm.create_model(TINY).state_dict())
    weights["extra"] = weights.pop("bn1.bias")
    weights["bn1.weight"] = weights["bn1.weight"][:3]
    with pytest.raises(UserError, match=r"bn1.bias is missing; extra is unknown; bn1.weight is \(3,\), not \(24,\)"):
        warm(Supernet(space_around(architecture)), architecture, weights, source="timm:x")


def test_without_network_the_file_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*_: object, timeout: float) -> None:
        assert timeout <= 30
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", unreachable)
    message = r"cannot be fetched \(no route to host\); .*--warm-start timm:mobilenetv2_100=FILE"
    with pytest.raises(UserError, match=message):
        checkpoint(WarmStart("mobilenetv2_100"))


def test_what_the_cache_has_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    weights = timm.create_model(TINY).state_dict()
    save_file(weights, tmp_path / "model.safetensors")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: str(tmp_path / "model.safetensors"))
    assert content_digest(checkpoint(WarmStart(f"{TINY}.r160_in1k"))) == content_digest(weights)


def test_an_unknown_tag_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match="no such weights; it has: mobilenetv2_100.ra_in1k"):
        warm_start.checkpoint(WarmStart("mobilenetv2_100.other"))
