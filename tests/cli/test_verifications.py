from nas.cli.summary import shortened, verifications_text
from nas.export import Verification
from nas.export.legality import Fallback, Legality


def test_the_table_tells_what_was_compared_and_what_was_not_checked() -> None:
    chip = Legality("Chip", 3, (Fallback("GELU", (1,), "unknown"),), 2, 0.5, (), (), ("on a chip",), "by its book")
    facts = {"max_abs_difference": 0.1, "tolerance": None, "batch_sizes": (1,), "passed": True, "sqnr_db": 21.0}
    facts |= {"accuracy": 0.975, "pytorch_accuracy": 0.981, "legality": (chip,), "notes": ("passed by a whisker",)}
    found = Verification("tflite-int8", "model.int8.tflite", 69_000, 0.1, 0.02, None, 0.992, 359, (1,), True)
    found = Verification(**{**{n: getattr(found, n) for n in found.__slots__}, **facts})
    text = verifications_text([found])
    row = text.splitlines()[2].split()
    assert row == ["model.int8.tflite", "69", "359", "2.0e-02", "99.2", "%", "21.0", "97.5", "%", "98.1", "%"]
    assert "model.int8.tflite on Chip: 2 of 3 operators (50.0 % of the MACs) run elsewhere" in text
    assert "not checked: on a chip" in text
    assert "model.int8.tflite: passed by a whisker" in text


def test_long_lists_are_cut_and_say_so() -> None:
    assert shortened(["a", "b"], most=2) == ["a", "b"]
    assert shortened(["a", "b", "c", "d"], most=2) == ["a", "b", "and 2 more, in verification.json"]
