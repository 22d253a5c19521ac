"""Several searches on one study: no architecture is evaluated twice, and each knows what the others found."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import databases
import pytest
from toy import ToySpace, accuracy, cost

from nas.cli import main
from nas.errors import NasError, UserError
from nas.search.config import Effort, SearchConfig, config_document
from nas.search.evaluate import Evaluation
from nas.search.objective import Constraints
from nas.search.shared import SharedStudy
from nas.search.study import Study
from nas.search.study_url import PASSWORD, open_storage, read_url, without_password
from nas.training.recipe import Recipe

PROGRAM = Path(__file__).parent / "shared_run.py"


def started(folder: Path, name: str, url: str, wanted: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), str(folder), name, url, str(wanted)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str], what: str) -> list[str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return [line.split()[1] for line in out.splitlines() if line.startswith(what)]


def known(run: Path) -> dict[str, float]:
    file = run / "candidates.jsonl"
    records = map(json.loads, file.read_text().splitlines() if file.exists() else [])
    return {r["digest"]: r["metrics"]["accuracy"] for r in records if r["state"] == "complete"}


def share(folder: Path, url: str) -> None:
    """Let two processes search together, and compare what they know in the end."""
    both = [started(folder, name, url, 16) for name in ("first", "second")]
    evaluated = [said(process, "evaluated") for process in both]
    times = Counter(digest for digests in evaluated for digest in digests)
    assert set(times.values()) == {1}
    first, second = (known(folder / name) for name in ("first", "second"))
    assert min(len(first), len(second)) >= 16
    assert first.keys() | second.keys() == times.keys()
    assert all(first[digest] == second[digest] for digest in first.keys() & second.keys())
    assert min(len(digests) for digests in evaluated) >= 1


def test_two_searches_on_an_sqlite_file(tmp_path: Path) -> None:
    share(tmp_path, str(tmp_path / "study.db"))


@pytest.mark.slow
@pytest.mark.parametrize("server", [databases.postgres, databases.mysql, databases.redis])
def test_two_searches_on_a_server(server: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as url:  # type: ignore[operator]
        with pytest.raises(UserError, match=PASSWORD):
            open_storage(read_url(url))
        monkeypatch.setenv(PASSWORD, databases.PASSWORD)
        share(tmp_path, url)
        monkeypatch.setenv(PASSWORD, "wrong/pass")
        with pytest.raises(UserError) as refused:
            open_storage(read_url(url))
        assert "wrong/pass" not in str(refused.value)


@pytest.mark.slow
def test_a_killed_search_goes_on_with_what_it_held(tmp_path: Path) -> None:
    url = str(tmp_path / "study.db")
    killed = started(tmp_path, "killed", url, 1000)
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.startswith("asked") and len(known(tmp_path / "killed")) >= 3:
            held = line.split()[1]
            killed.send_signal(signal.SIGSTOP)
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = known(tmp_path / "killed")
    resumed = said(started(tmp_path, "killed", url, len(before) + 4), "evaluated")
    assert held in {*resumed, *before}  # the last line may have been written before the signal came
    assert not before.keys() & set(resumed)


def test_one_search_after_the_other(tmp_path: Path) -> None:
    def study(shared: SharedStudy) -> Study:
        return Study(ToySpace(), Constraints(latency_ms=1.5), cost, shared=shared)

    def evaluate(into: Study, count: int) -> set[str]:
        found = set()
        for _ in range(count):
            candidate = into.ask()
            assert candidate is not None
            into.tell(candidate, Evaluation(accuracy(candidate.architecture.to_dict()), None, 0.1))
            found.add(candidate.digest)
        return found

    url = read_url(str(tmp_path / "study.db"))
    with SharedStudy(url, "toy", "a", gone_s=0.5) as shared:
        first = study(shared)
        done = evaluate(first, 5)
        failed = first.ask()
        assert failed is not None
        first.tell(failed, Evaluation(None, "no memory", 0.1))
        given_back = first.ask()
        held = SharedStudy(url, "toy", "silent")  # never says anything again
        lost = study(held).ask()
        assert given_back is not None
        assert lost is not None
        held._stop.set()
    with SharedStudy(url, "toy", "b", gone_s=0.5) as shared:
        second = study(shared)
        second.catch_up()
        assert second.counts.evaluated == 5
        assert second.counts.failed == 1
        assert {c.digest for c in second.front()} <= done
        new = evaluate(second, 6)
        assert not new & {*done, failed.digest, lost.digest}
        time.sleep(0.6)
        assert shared.claim(lost, second.space.encode(lost.architecture), second._distributions)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgres", "allowed: postgresql://"),
        ("postgresq://u:s3cret@h/db", "did you mean 'postgres"),
        ("postgresql://u:s3cret@/db", "names no host"),
        ("postgresql://u:s3cret@127.0.0.1:1", "names no database"),
        ("postgresql://u:s3cret@127.0.0.1:1/db", "nothing answers at 127.0.0.1:1"),
        ("mysql://u:s3cret@127.0.0.1:1/db", "nothing answers"),
        ("redis://:s3cret@127.0.0.1:1/0", "nothing answers"),
        ("postgresql://u:s3cret@127.0.0.1:99999/db", "not a legal URL"),
        ("none/study.db", "does not exist"),
        ("sqlite://host/x", "plain path"),
        ("", "allowed: "),
    ],
)
def test_a_wrong_url_is_one_line(
    url: str, hint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hint.startswith("nothing answers"):
        pytest.importorskip({"postgresql": "psycopg", "mysql": "pymysql", "redis": "redis"}[url.partition(":")[0]])
    monkeypatch.chdir(tmp_path)
    assert main(["search", "--target", "jetson-orin", "--study-storage", url]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert hint in err
    assert "s3cret" not in err
    assert list(tmp_path.iterdir()) == []


def test_no_database_in_that_file(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("not a database, but long enough to be read as the head of one" * 9)
    with pytest.raises(UserError, match="cannot be used"):
        open_storage(read_url(str(tmp_path / "study.db")))


def test_the_run_keeps_no_password() -> None:
    url = "postgresql://me:s3cret@host:5432/nas?sslmode=require"
    assert without_password(url) == "postgresql://me@host:5432/nas?sslmode=require"
    assert "s3cret" not in repr(read_url(url))
    recipe = Recipe(epochs=1, batch_size=8, lr=0.1)
    config = SearchConfig("t", "s", "d", Constraints(), Effort(recipe, recipe), study_storage=url)
    assert "s3cret" not in json.dumps(config_document(config))


def test_a_database_that_goes_away_is_one_message(tmp_path: Path) -> None:
    with SharedStudy(read_url(str(tmp_path / "study.db")), "toy", "a") as shared:
        (tmp_path / "study.db").unlink()
        (tmp_path / "study.db").mkdir()
        shared._storage.remove_session()
        with pytest.raises(NasError, match="what is finished is kept"):
            shared._beat()
