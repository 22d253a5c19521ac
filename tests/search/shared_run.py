"""A search of the toy space on a shared study, as a process of its own: python shared_run.py RUNS NAME URL WANTED."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from toy import ToySpace, accuracy, cost

from nas.runs import RunDirectory
from nas.search.evaluate import Evaluation
from nas.search.objective import Constraints
from nas.search.shared import SharedStudy
from nas.search.study import Study
from nas.search.study_url import read_url


def main() -> None:
    folder, name, url, wanted = sys.argv[1:]
    with (
        RunDirectory.create(Path(folder), name, resume=True) as run,
        SharedStudy(read_url(url), "toy", name, gone_s=4.0) as shared,
    ):
        limits = Constraints(latency_ms=1.5)
        study = Study(ToySpace(), limits, cost, run_dir=run, shared=shared, seed=0)
        study.catch_up()
        while study.counts.evaluated < int(wanted):
            candidate = study.ask()
            print("asked", candidate.digest, flush=True)
            time.sleep(0.02)
            study.tell(candidate, Evaluation(accuracy(candidate.architecture.to_dict()), None, 0.0))
            print("evaluated", candidate.digest, flush=True)
        study.catch_up()


if __name__ == "__main__":
    main()
