import json
import random

import optuna
import pytest
import toy

from nas import runs
from nas.errors import InfeasibleError, UserError
from nas.runs import RunDirectory
from nas.search.evaluate import Evaluation
from nas.search.objective import Constraints, feasible
from nas.search.samplers import SAMPLERS
from nas.search.study import MAX_TRIES, Study

LIMIT = Constraints(latency_ms=1.0)


def make(run_dir=None, *, constraints=LIMIT, space=None, sampler="nsga2", cost=toy.cost, **more):
    return Study(space or toy.ToySpace(), constraints, cost, sampler_name=sampler, run_dir=run_dir, **more)


def advance(study, evaluations):
    """Ask and tell until so many were evaluated."""
    while study.counts.evaluated < evaluations:
        candidate = study.ask()
        study.tell(candidate, Evaluation(toy.accuracy(candidate.architecture.to_dict()), None, 0.1))
    return study


def proposals(study):
    return [(c.number, c.digest, c.state, c.metrics) for c in study.candidates]


@pytest.fixture
def run_dir(tmp_path):
    with RunDirectory.create(tmp_path, "run") as run:
        yield run


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("cut", [7, 31])
def test_a_killed_and_resumed_search_equals_an_undisturbed_one(run_dir, sampler, cut):
    undisturbed = advance(make(sampler=sampler), 45)
    killed = advance(make(run_dir, sampler=sampler), cut)
    killed.ask()  # in the air when it is killed
    resumed = make(run_dir, sampler=sampler)
    assert proposals(resumed) == proposals(killed)
    advance(resumed, 45)
    assert proposals(resumed) == proposals(undisturbed)
    assert resumed.counts == undisturbed.counts


def test_killed_in_the_middle_of_a_line(run_dir):
    undisturbed = advance(make(), 30)
    advance(make(run_dir), 12)
    path = run_dir.file(runs.CANDIDATES)
    path.write_bytes(path.read_bytes()[:-40])
    assert proposals(advance(make(run_dir), 30)) == proposals(undisturbed)


@pytest.mark.parametrize("lines", range(1, 24, 4))
def test_killed_after_any_line(run_dir, lines):
    tight = Constraints(latency_ms=0.6)
    undisturbed = advance(make(constraints=tight), 16)
    advance(make(run_dir, constraints=tight), 14)
    path = run_dir.file(runs.CANDIDATES)
    kept = path.read_bytes().splitlines(keepends=True)[:lines]
    path.write_bytes(b"".join(kept))
    resumed = advance(make(run_dir, constraints=tight), 16)
    assert any(c.state == "infeasible" for c in resumed.candidates)
    assert proposals(resumed) == proposals(undisturbed)


def test_every_result_is_on_disk_before_the_next_ask(run_dir):
    study = make(run_dir)
    for _ in range(5):
        candidate = study.ask()
        study.tell(candidate, Evaluation(0.7, None, 0.5))
        line = json.loads(run_dir.file(runs.CANDIDATES).read_text().splitlines()[-1])
        assert line["digest"] == candidate.digest
        assert line["architecture"] == candidate.architecture.to_dict()
        assert line["metrics"]["accuracy"] == 0.7
        assert line["metrics"]["accuracy_per_gmac"] == pytest.approx(70e9 / line["metrics"]["macs"])
        assert (line["state"], line["error"], line["source"]) == ("complete", None, "sampler")


def test_only_feasible_candidates_are_asked_for_and_never_twice():
    study = advance(make(), 120)
    asked = [c for c in study.candidates if c.state == "complete"]
    assert all(feasible(c.metrics, LIMIT) for c in asked)
    assert len({c.digest for c in study.candidates}) == len(study.candidates)


def test_infeasible_ones_are_told_in_bounds_with_their_overshoot():
    study = advance(make(constraints=Constraints(latency_ms=0.6), sampler="random"), 20)
    told = [c for c in study.candidates if c.state == "infeasible"]
    assert 0 < len(told) <= 5 * 21
    assert study.counts.infeasible > len(told)
    for candidate in told:
        assert candidate.overshoot == {"latency_ms": pytest.approx(candidate.metrics.latency_ms / 0.6 - 1)}


def test_a_hard_constraint_is_met_although_random_draws_never_do():
    # One architecture in about 100,000: a single layer of the narrowest kind or nearly so.
    study = make(constraints=Constraints(macs=18_000, latency_ms=0.22), sampler="random")
    assert study.ask().metrics.macs <= 18_000


def test_seeds_come_first_and_stay_parents(run_dir):
    space = toy.ToySpace()
    small, large = space.smallest(), toy.ToyArchitecture(((6, 7),) * 5)
    study = make(run_dir, space=toy.ToySpace(named=(("small", small), ("large", large))))
    first = study.ask()
    assert (first.source, first.architecture) == ("seed:small", small)
    study.tell(first, Evaluation(0.9, None, 0.1))
    advance(study, 25)
    by_source = {c.source: c for c in study.candidates}
    assert by_source["seed:large"].state == "infeasible"
    line = json.loads(run_dir.file(runs.CANDIDATES).read_text().splitlines()[0])
    assert line["search"]["attrs"] == {"Nsga2:generation": 0}


def test_nothing_feasible_names_the_tightest_seen():
    study = make(constraints=Constraints(latency_ms=0.1, macs=5))
    with pytest.raises(
        InfeasibleError, match=r"latency_ms <= 0.1, macs <= 5 .* tightest seen: latency_ms 0.209, macs 9,000"
    ):
        study.ask()
    assert study.counts.infeasible + study.counts.duplicates <= MAX_TRIES + 1


def test_an_exhausted_space_ends_the_search():
    tiny = toy.ToySpace(depths=(1, 2), widths=(1, 2))
    study = make(space=tiny, constraints=Constraints())
    seen = []
    while (candidate := study.ask()) is not None:
        seen.append(candidate.digest)
        study.tell(candidate, Evaluation(0.5, None, 0.1))
    assert len(seen) == len(set(seen))
    assert len(seen) >= 0.9 * tiny.size()
    assert study.counts.duplicates < tiny.size() * MAX_TRIES


def test_failures_are_kept_and_never_tried_again(run_dir):
    study = make(run_dir)
    candidate = study.ask()
    failed = study.tell(candidate, Evaluation(None, "no memory", 0.1))
    assert (failed.state, failed.error, failed.metrics.accuracy) == ("failed", "no memory", None)
    advance(study, 10)
    assert study.counts.failed == 1
    assert candidate.digest not in [c.digest for c in study.candidates if c.state == "complete"]
    assert proposals(make(run_dir)) == proposals(study)


def test_several_in_the_air_differ_and_may_finish_in_any_order():
    study = make()
    live = [study.ask() for _ in range(6)]
    assert len({c.digest for c in live}) == 6
    assert study.pending == 6
    for candidate in reversed(live):
        study.tell(candidate, Evaluation(0.5, None, 0.1))
    assert study.pending == 0
    with pytest.raises(ValueError, match="told already"):
        study.tell(live[0], Evaluation(0.5, None, 0.1))


def test_front_is_the_best_of_the_evaluated():
    study = advance(make(), 40)
    front = study.front()
    macs = [c.metrics.macs for c in front]
    assert macs == sorted(macs)
    for candidate in (c for c in study.candidates if c.state == "complete"):
        assert any(
            f.metrics.accuracy >= candidate.metrics.accuracy and f.metrics.macs <= candidate.metrics.macs for f in front
        )


def test_the_mirror_is_an_optuna_study_with_feasible_best_trials(run_dir):
    study = advance(make(run_dir, constraints=Constraints(latency_ms=0.7)), 25)
    study.tell(study.ask(), Evaluation(None, "broken", 0.1))
    backend = optuna.storages.journal.JournalFileBackend(str(run_dir.file(runs.JOURNAL)))
    mirror = optuna.load_study(study_name="run", storage=optuna.storages.JournalStorage(backend))
    assert len(mirror.trials) == len(study.candidates)
    assert {t.user_attrs["digest"] for t in mirror.best_trials} >= {c.digest for c in study.front()}
    infeasible = [t for t in mirror.trials if t.state.name == "PRUNED"]
    assert infeasible
    # The dashboard reads the old name.
    assert all(t.system_attrs["constraints"][0] > 0 for t in infeasible)


def test_the_mirror_is_drawn_again_from_the_candidates(run_dir):
    study = advance(make(run_dir), 12)
    journal = run_dir.file(runs.JOURNAL)
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])
    make(run_dir)
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    mirror = optuna.load_study(study_name="run", storage=optuna.storages.JournalStorage(backend))
    assert [t.user_attrs["number"] for t in mirror.trials] == [c.number for c in study.candidates]


def test_resuming_with_another_space_is_refused(run_dir):
    advance(make(run_dir), 20)
    with pytest.raises(UserError, match="does not fit the search space"):
        make(run_dir, space=toy.ToySpace(depths=(1,), widths=(1, 2)))


def test_an_unknown_sampler_fails_before_any_work(run_dir):
    with pytest.raises(UserError, match="did you mean 'tpe'"):
        make(run_dir, sampler="tpee")


def test_what_was_in_the_air_is_asked_again_unless_lines_before_it_are_lost(run_dir):
    study = advance(make(run_dir), 8)
    numbers = [study.ask().number for _ in range(3)]
    assert [make(run_dir).ask().number, len(run_dir.recover_records(runs.ASKED))] == [numbers[0], 3]
    path = run_dir.file(runs.CANDIDATES)
    before = [line for line in path.read_bytes().splitlines(keepends=True) if json.loads(line)["number"] < numbers[0]]
    path.write_bytes(b"".join(before)[:-40])
    assert make(run_dir).ask().number < numbers[0]
    assert run_dir.recover_records(runs.ASKED)[0]["number"] < numbers[0]


def test_with_a_lag_candidates_do_not_depend_on_the_order_of_finishing():
    def proposed(order):
        study, rng, live, digests = make(lag=4), random.Random(order), [], []
        while len(digests) < 40:
            while study.ready and len(live) < 3:
                live.append(study.ask())
                digests.append(live[-1].digest)
            done = live.pop(rng.randrange(len(live)))
            study.tell(done, Evaluation(toy.accuracy(done.architecture.to_dict()), None, 0.0))
        return digests[:40]

    assert proposed(1) == proposed(2) == proposed(3)


def in_random_order(run_dir, order, kills, sampler):
    """Search with three workers that finish in any order; each kill loses what is in the air."""
    rng, told = random.Random(order), []
    while True:
        study, live = make(run_dir, sampler=sampler, constraints=Constraints(latency_ms=0.8), lag=5), []
        while study.counts.evaluated + study.counts.failed + study.pending < 30 or live:
            while study.ready and len(live) < 3 and len(told) + len(live) < 30:
                live.append(study.ask())
            done = live.pop(rng.randrange(len(live)))
            told.append(done.number)
            right = None if done.number % 7 == 3 else toy.accuracy(done.architecture.to_dict())
            study.tell(done, Evaluation(right, None if right else "broken", 0.0))
            if len(told) in kills:
                kills.remove(len(told))
                break
        else:
            assert len(set(told)) == len(told)
            return sorted(proposals(study), key=lambda p: p[0]), study.counts


@pytest.mark.parametrize("sampler", ["evolution", "nsga2"])
def test_with_a_lag_a_killed_search_of_several_workers_equals_an_undisturbed_one(tmp_path, sampler):
    with RunDirectory.create(tmp_path, "a") as first, RunDirectory.create(tmp_path, "b") as second:
        undisturbed = in_random_order(first, 1, [], sampler)
        assert in_random_order(second, 2, [1, 2, 5, 11, 23, 24, 27], sampler) == undisturbed


def test_a_study_that_must_wait_says_so():
    study = make(lag=1)
    first = study.ask()
    assert not study.ready
    with pytest.raises(ValueError, match="still to be told"):
        study.ask()
    study.tell(first, Evaluation(0.5, None, 0.0))
    assert study.ready


def test_candidates_taken_over_from_another_run_come_before_the_seeds(tmp_path):
    space = toy.ToySpace()
    with RunDirectory.create(tmp_path, "first") as run:
        advance(make(run), 6)
        lines = [json.loads(line) for line in run.file(runs.CANDIDATES).read_text().splitlines()]
    taken = [{**c, "search": {**c["search"], "from_run": "first"}} for c in lines if c["state"] == "complete"]
    known = {c["digest"] for c in taken}
    wide = (space.decode({**space.encode(space.smallest()), "l0.width": 4, "l0.kernel": k}) for k in toy.KERNELS)
    named = tuple((f"wide-{i}", a) for i, a in enumerate(a for a in wide if a.digest not in known))[:2]
    assert len(named) == 2
    with RunDirectory.create(tmp_path, "second") as run:
        run.write_text(runs.CANDIDATES, "".join(json.dumps(c) + "\n" for c in taken))
        study = advance(make(run, space=toy.ToySpace(named=named)), 8)
        new = study.candidates[len(taken) :]
        assert [c.source for c in new][:2] == ["seed:wide-0", "seed:wide-1"]
        assert new[0].number == max(c["number"] for c in taken) + 1
        resumed = make(run, space=toy.ToySpace(named=named))
        assert proposals(resumed) == proposals(study)
        assert advance(resumed, 9).candidates[-1].source == "sampler"
