from nas.export.devices.xnnpack import delegated


def node(index: int, name: str, inputs: list[int], outputs: list[int]) -> dict:
    return {"index": index, "op_name": name, "inputs": inputs, "outputs": outputs}


CONV = node(0, "CONV_2D", [0, 10, 11], [1])
GELU = node(1, "GELU", [1], [2])
ADD = node(2, "ADD", [2, 1], [3])
MEAN = node(3, "MEAN", [3, 12], [4])


def test_without_a_delegate_nothing_is_taken() -> None:
    assert delegated([CONV, GELU]) == set()


def test_a_part_holds_what_lies_between_its_ends() -> None:
    whole = node(4, "DELEGATE", [0, 10, 11, 12], [4])
    assert delegated([CONV, GELU, ADD, MEAN, whole]) == {0, 1, 2, 3}


def test_what_lies_between_two_parts_is_left() -> None:
    parts = [node(4, "DELEGATE", [0, 10, 11], [1]), node(5, "DELEGATE", [1, 2, 12], [4])]
    assert delegated([CONV, GELU, ADD, MEAN, *parts]) == {0, 2, 3}
