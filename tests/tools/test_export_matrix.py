"""The tables of what timm models became in each format."""

from nas.export.formats import format_names
from tools.export_matrix import END, MODELS, PAGE, START, known
from tools.export_tables import Tables, read_tables

FORMATS = ("ncnn", "onnx", "tflite-int8", "torch")
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
TOLD = Tables().updated(RESULTS)


def test_numbers_failures_and_devices_are_told() -> None:
    text = TOLD.markdown(["repvgg_a0"], FORMATS)
    row = next(line for line in text.splitlines() if line.startswith("| `repvgg_a0`"))
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["no", "1e-06", "21 dB", "-"]
    assert "- `repvgg_a0` as `ncnn`: ncnn: pnnx does not translate torch.unbind\n" in text
    assert [c.strip() for c in text.splitlines()[-1].split("|")[3:-1]] == ["Chip", "9", "3", "25.0 %", "GELU: unknown"]


def test_what_was_written_is_read_again() -> None:
    text = TOLD.markdown(["repvgg_a0"], FORMATS)
    assert read_tables(text).markdown(["repvgg_a0"], FORMATS) == text


def test_new_results_replace_what_was_told_of_the_same_file_alone() -> None:
    again = {"repvgg_a0": {"ncnn": PASSED}, "other": {"tflite-int8": {**ROUNDED, "legality": []}}}
    told = read_tables(TOLD.markdown(["repvgg_a0"], FORMATS)).updated(again)
    assert told.cells["repvgg_a0", "ncnn"] == "1e-06"
    assert told.cells["repvgg_a0", "tflite-int8"] == told.cells["other", "tflite-int8"] == "21 dB"
    assert not told.failures
    assert told.knows("repvgg_a0", "ncnn")
    assert not told.knows("repvgg_a0", "torch")
    assert told.devices == TOLD.devices


def test_the_page_has_its_place_for_them_and_is_as_the_tool_writes_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    inside = page[page.index(START) + len(START) : page.index(END)].strip()
    assert known().markdown(MODELS, format_names()) == inside
