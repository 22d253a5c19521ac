"""A small search as a process of its own, to be killed: python small_search.py RUNS NAME SAMPLER EVALUATIONS.

Run again it continues. Each evaluation that was finished is a line in the run's ``evaluated.txt``, which is all that
the evaluator writes; the search's own files are those that every search writes.
"""

import os
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "search"), str(Path(__file__).parents[2])]

import toy  # noqa: E402

from nas.runs import RunDirectory  # noqa: E402
from nas.search.inline import InlineExecutor  # noqa: E402
from nas.search.objective import Constraints  # noqa: E402
from nas.search.study import Study  # noqa: E402

EVALUATION_S = 0.02


class Noting:
    def __init__(self, notes):
        self.notes = notes

    def build(self):
        return self

    def packed(self):
        return self

    def evaluate(self, architecture):
        time.sleep(EVALUATION_S)
        digest = toy.ToyArchitecture(tuple(tuple(layer) for layer in architecture["layers"])).digest
        with open(self.notes, "ab", buffering=0) as file:  # noqa: PTH123 - os.write in one piece
            file.write(f"{digest}\n".encode())
        if len(architecture["layers"]) == 5:
            raise MemoryError("too deep")  # a candidate that fails is a finished one too
        return toy.accuracy(architecture)


def main(runs_dir, name, sampler, evaluations):
    with RunDirectory.create(Path(runs_dir), name, resume=True) as run:
        study = Study(
            toy.ToySpace(), Constraints(latency_ms=0.9), toy.cost, sampler_name=sampler, seed=int(name), run_dir=run
        )
        spec = Noting(run.file("evaluated.txt"))
        outcome = InlineExecutor().run(study, spec, int(evaluations), lambda _: None, lambda: False)
        run.write_json("end.json", {"outcome": outcome, "counts": study.counts, "pid": os.getpid()})


if __name__ == "__main__":
    main(*sys.argv[1:])
