"""The tables of what timm models became in each format."""

from tools.export_matrix import END, PAGE, START, tables

CHIP = {"device": "Chip", "operators": 9, "fallback_operators": 3, "fallback_macs_share": 0.25, "problems": []}
PASSED = {"relative_difference": 1.4e-6, "tolerance": 1e-4, "sqnr_db": 120.0, "legality": []}
ROUNDED = {"relative_difference": 0.3, "tolerance": None, "sqnr_db": 21.4}
RESULTS = {
    "repvgg_a0": {
        "onnx": PASSED,
        "tflite-int8": {**ROUNDED, "legality": [{**CHIP, "fallback": [{"operator": "GELU", "reason": "unknown"}]}]},
        "ncnn": {"error": "ncnn: pnnx does not translate torch.unbind; kept as somewhere\nmore"},
    }
}


def test_numbers_failures_and_devices_are_told() -> None:
    text = tables(RESULTS)
    row = next(line for line in text.splitlines() if line.startswith("| `repvgg_a0`"))
    assert {"1e-06", "21 dB", "no", "-"} <= {cell.strip() for cell in row.split("|")}
    assert "- `repvgg_a0` as `ncnn`: ncnn: pnnx does not translate torch.unbind\n" in text
    assert [c.strip() for c in text.splitlines()[-1].split("|")[3:-1]] == ["Chip", "9", "3", "25.0 %", "GELU: unknown"]


def test_the_page_has_its_place_for_them() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.index(START) < page.index(END)
