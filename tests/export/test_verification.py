import json
import math

from nas.export.legality import Fallback, Legality
from nas.export.verification import FILE, Verification, record


def made(name: str = "onnx", **others) -> Verification:
    facts = {"max_abs_difference": 0.1, "relative_difference": 1e-6, "tolerance": 1e-4, "top1_agreement": 1.0}
    facts |= {"images": 8, "batch_sizes": (1, 8), "passed": True} | others
    return Verification(format=name, file=f"model.{name}", file_bytes=3, **facts)


def test_floating_point_is_summed_up_by_its_difference() -> None:
    assert made().summary() == (
        "model.onnx matches PyTorch: 8 images at batch 1, 8, largest relative difference 1.0e-06 (allowed 1e-04), "
        "same class on 100.0 %"
    )


def test_integers_are_summed_up_by_their_noise() -> None:
    said = made(tolerance=None, sqnr_db=21.04, passed=False, shortcomings=("same class on 90.0 %",)).summary()
    assert "does NOT match" in said
    assert "relative" not in said
    assert said.endswith("SQNR 21.0 dB; same class on 90.0 %")


def test_records_of_other_formats_are_kept_and_infinity_is_null(tmp_path) -> None:
    chip = Legality("Chip", 3, (Fallback("GELU", (1,), "unknown"),), 1, 0.5, (), (), ("on a chip",), "by its book")
    record(tmp_path, made("onnx", max_abs_difference=math.inf))
    record(tmp_path, made("tflite"))
    record(tmp_path, made("tflite", legality=(chip,)))
    first, second = json.loads((tmp_path / FILE).read_text())
    assert (first["format"], first["max_abs_difference"]) == ("onnx", None)
    assert second["legality"][0]["not_run"] == ["on a chip"]
    assert second["legality"][0]["fallback"] == [{"operator": "GELU", "indices": [1], "reason": "unknown"}]
    assert second["legality"][0]["fallback_macs_share"] == 0.5
