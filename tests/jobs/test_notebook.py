"""A search in a notebook, whose kernel runs an event loop: twice, on Ray and without."""

from pathlib import Path

import pytest

from tests.small_run import small_wishes

FIRST = """
import ray
from nas import search
where = dict(data="colours.npz", space="toy.yaml", latency_ms=10)
effort = dict(supernet_epochs=1, evaluations=4, finalists=1, finalist_epochs=1, formats=())
first = search("jetson-orin", workers=1, **where, **effort)
first.verdict
"""
AGAIN = """
again = search("jetson-orin", ray_address="inline", **where, **effort)
assert not ray.is_initialized()
assert first.path != again.path
print(first.document["counts"]["evaluated"], again.document["counts"]["evaluated"])
"""


@pytest.mark.slow
def test_two_searches_in_a_notebook(tmp_path: Path) -> None:
    client, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    small_wishes(tmp_path)
    cells = [nbformat.v4.new_code_cell(code) for code in (FIRST, AGAIN)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [output.text for output in notebook.cells[1].outputs] == ["4 4\n"]
    # Warnings of libraries may go to stderr; Tune's own display would clear what the cell has shown.
    shown = [output for output in notebook.cells[0].outputs if output.get("name") != "stderr"]
    assert [output.output_type for output in shown] == ["execute_result"], shown
