"""The study: what to evaluate next, and what is known so far.

`ask` gives the next candidate that keeps all constraints; `tell` takes its evaluation. A proposal that is too
costly is told to the sampler at once and never evaluated, one that is known already is passed over. Every finished
candidate is a line of ``candidates.jsonl`` on disk before `tell` returns, and that file alone is the study: opening
a run that has one continues it. ``asked.jsonl`` holds what was proposed: what of it is not finished is asked again.

Each proposal is drawn from the search's seed and its own number, and depends on nothing else but the finished
candidates that it may see: all, or (with a `lag`) all but the last accepted ones. So with a `lag` the same seed gives
the same candidates whatever the order in which they finish; and a search that was killed and resumed proposes what
an undisturbed one would have, with a `lag` or with one worker.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState

from nas import runs
from nas.errors import InfeasibleError
from nas.search import objective, samplers
from nas.search.candidate import SAMPLED, Candidate, Counts, front_of
from nas.search.evaluate import Evaluation
from nas.search.mirror import Mirror, frozen_trial, goals, new_study
from nas.search.objective import Constraints
from nas.search.recovery import Record, read_candidate, read_shared, recover
from nas.search.samplers import CostFunction, Listed, Task
from nas.search.tightest import Tightest

if TYPE_CHECKING:
    from pathlib import Path

    from nas.runs import RunDirectory
    from nas.search.shared import SharedStudy
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

# Proposals passed over in a row before the search gives up, ...
MAX_TRIES = 300
# ... and before it leaves the sampler's proposals for its own: drawn at random, and pulled more or less far
# towards a feasible one. Far helps where hardly anything is feasible, near where nearly all is known.
_PATIENCE = 10
_MAX_PULLS = 6
# Infeasible proposals told to the sampler for each accepted one: more would crowd out what was evaluated.
_TOLD_INFEASIBLE = 5


class Study:
    """Asks a sampler for candidates, keeps the constraints, and remembers everything."""

    def __init__(
        self,
        space: SearchSpace,
        constraints: Constraints,
        cost_fn: CostFunction,
        *,
        sampler_name: str = samplers.DEFAULT,
        seed: int = 0,
        run_dir: RunDirectory | None = None,
        seeds: Sequence[tuple[str, Architecture]] | None = None,
        lag: int | None = None,
        macs_count: bool = True,
        only: Listed | None = None,
        shared: SharedStudy | None = None,
    ) -> None:
        """Make a study, or continue the one that `run_dir` holds.

        Args:
            space: where to search.
            constraints: the hard limits.
            cost_fn: gives an architecture's metrics, all but the accuracy.
            sampler_name: the search algorithm, a name in `samplers.SAMPLERS`.
            seed: what all draws depend on.
            run_dir: where candidates are kept; None keeps them in memory only.
            seeds: named architectures to propose first; None takes those of the space.
            lag: how many of the accepted candidates before it a proposal does not see, finished or not; None lets it
                see all that are finished.
            macs_count: whether few MACs are a goal beside accuracy.
            only: the only architectures that may be proposed; None if all may.
            shared: the study in a database that other searches take part in; None searches alone.

        Raises:
            UserError: if the sampler does not exist, or the run was made with another space.
        """
        self._known: set[str] = set()
        self._task = Task(space, cost_fn, constraints, self._known, macs_count=macs_count, only=only, seed=seed)
        samplers.make_sampler(sampler_name, self._task, seed)  # an unknown name should fail before any work
        self.space = space
        self.constraints = constraints
        self._cost_fn = cost_fn
        self._sampler_name = sampler_name
        self._seed = seed
        self._run_dir = run_dir
        named = space.seeds() if seeds is None else seeds
        self._seeds = tuple((n, a) for n, a in named if only is None or a.digest in only.digests)
        self._only = only
        self._size = space.size() if only is None else len(only.digests)
        self._distributions = self._task.encoding.distributions
        self._macs_count = macs_count
        self._optuna = new_study(space.name, macs_count=macs_count)
        self._next = 0  # the number of the next proposal
        self._first = 0  # that of the study's own first one: candidates taken over from another run come before it
        self._accepted = -1  # the number of the last proposal that was accepted
        self._told_infeasible = 0  # since then
        self._infeasible = 0
        self._duplicates = 0
        self._finished: list[Candidate] = []
        self._front: list[Candidate] = []
        self._visible: list[Candidate] = []  # those that proposals may depend on
        self._live: dict[int, optuna.Trial] = {}
        self._lag = lag
        self._waiting: deque[int] = deque()  # accepted proposals that are not visible yet, in order
        self._held: dict[int, tuple[Candidate, optuna.Trial]] = {}  # those of them that are finished
        self._again: deque[tuple[Candidate, optuna.Trial]] = deque()  # asked before the search was killed, never told
        self._tightest = Tightest(space.name, constraints)
        self._mirror: Mirror | None = None
        if run_dir is not None:
            self._mirror = Mirror(run_dir.file(runs.JOURNAL), run_dir.path.name, macs_count=macs_count)
            self._restore(*recover(run_dir), place=run_dir.file(runs.CANDIDATES))
        self._shared = shared
        self._elsewhere: set[str] = set()  # digests that others evaluate now
        if shared is not None:
            shared.catch_up({c.digest: c for c in self._finished})

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every candidate that is finished, in the order in which they finished."""
        return tuple(self._finished)

    @property
    def counts(self) -> Counts:
        """How many proposals went which way."""
        states = [c.state for c in self._finished]
        return Counts(states.count("complete"), self._infeasible, states.count("failed"), self._duplicates)

    @property
    def pending(self) -> int:
        """How many candidates were asked for and not told yet."""
        return len(self._live)

    def front(self) -> list[Candidate]:
        """Return the evaluated candidates that none beats in both accuracy and MACs, from the cheapest on."""
        return list(self._front)

    @property
    def ready(self) -> bool:
        """Whether the next proposal can be drawn: what it has to see is finished."""
        if self._lag is None or self._again:
            return True
        due = len(self._waiting) - self._lag + 1
        return all(number in self._held for number in islice(self._waiting, max(0, due)))

    def ask(self) -> Candidate | None:
        """Propose the next candidate to evaluate; only while the study is `ready`.

        Returns:
            A feasible candidate that was never proposed before (but to a search that was killed), or None if no new
            one was found: the space (or its feasible part) is exhausted.

        Raises:
            InfeasibleError: if nothing feasible was seen in a bounded number of tries.
        """
        while self._again:
            candidate, trial = self._again.popleft()
            if self._claimed(candidate, trial):
                self._live[candidate.number] = trial
                return candidate
            self._waiting.remove(candidate.number)
        self._release()
        self.catch_up()
        while self._next - self._accepted <= MAX_TRIES + len(self._seeds):
            if len(self._known) >= self._size:
                break
            proposed = self._propose()
            if proposed is not None:
                return proposed
        if self._accepted < 0:
            if self._task.cheapest is not None:
                self._tightest.note(self._task.cheapest)
            raise InfeasibleError(self._tightest.message(self._next))
        return None

    def tell(self, candidate: Candidate, evaluation: Evaluation) -> Candidate:
        """Take the evaluation of a candidate that was asked for.

        Returns:
            The finished candidate, which is on disk by then.
        """
        if candidate.number not in self._live:
            raise ValueError(f"candidate {candidate.number} was not asked for, or was told already")
        trial = self._live.pop(candidate.number)
        finished = candidate.told(evaluation)
        self._held[candidate.number] = (finished, trial)
        self._keep(finished, self._optuna.get_trials(deepcopy=False)[trial.number])
        if self._shared is not None:
            self._shared.finish(finished)
        return finished

    def catch_up(self) -> None:
        """Take up what others finished, once the study's own starting points are proposed; nothing if it is alone."""
        if self._shared is None or self._next - self._first < len(self._seeds):
            return
        news = self._shared.news()
        finished = {c.digest for c in self._finished}
        for trial in news.finished:
            candidate = read_shared(trial, self.space, self._distributions, self._cost_fn, number=self._next)
            if candidate.digest in finished:
                continue
            finished.add(candidate.digest)
            self._next += 1
            self._accepted, self._told_infeasible = candidate.number, 0
            self._tightest.note(candidate.metrics)
            self._optuna.add_trial(self._frozen(candidate, trial.params, {}))
            self._visible.append(candidate)
            self._keep(candidate, self._optuna.get_trials(deepcopy=False)[-1])
        self._known -= self._elsewhere
        self._elsewhere = set(news.taken - finished - self._known)
        self._known |= self._elsewhere | finished

    def _claimed(self, candidate: Candidate, trial: optuna.Trial) -> bool:
        """Whether this search is to evaluate a candidate; if not, the sampler is told."""
        if self._shared is None or self._shared.claim(candidate, trial.params, self._distributions):
            return True
        self._duplicates += 1
        self._known.add(candidate.digest)
        self._optuna.tell(trial, state=TrialState.FAIL)
        return False

    def _release(self) -> None:
        """Show the sampler what the next proposal may see, in the order in which it was proposed."""
        if not self.ready:
            raise ValueError("the study is not ready for another proposal: an earlier one is still to be told")
        due = (
            list(self._held) if self._lag is None else list(self._waiting)[: max(0, len(self._waiting) - self._lag + 1)]
        )
        for number in due:
            self._waiting.remove(number)
            candidate, trial = self._held.pop(number)
            if candidate.metrics.accuracy is None:
                self._optuna.tell(trial, state=TrialState.FAIL)
            else:
                self._optuna.tell(trial, goals(candidate.metrics, macs_count=self._macs_count))
            self._visible.append(candidate)

    def _propose(self) -> Candidate | None:
        """Make the next proposal; tell the sampler at once, and return None, if it cannot be accepted."""
        number = self._next
        self._next += 1
        source, trial = self._draw(number)
        architecture = self.space.decode(trial.params)
        if architecture.digest in self._known:
            self._duplicates += 1
            self._optuna.tell(trial, state=TrialState.FAIL)
            return None
        if self._only is not None and architecture.digest not in self._only.digests:
            self._optuna.tell(trial, state=TrialState.FAIL)
            return None
        metrics = self._cost_fn(architecture)
        self._tightest.note(metrics)
        over = objective.violations(metrics, self.constraints)
        if over:
            self._reject(Candidate(number, source, architecture, metrics, "infeasible", over), trial)
            return None
        candidate = Candidate(number, source, architecture, metrics)
        if not self._claimed(candidate, trial):
            return None
        self._accepted, self._told_infeasible = number, 0
        self._known.add(architecture.digest)
        self._live[number] = trial
        self._waiting.append(number)
        if self._run_dir is not None:
            asked = self._optuna.get_trials(deepcopy=False)[trial.number]
            record = {"number": number, "digest": candidate.digest, "source": source, "finished": len(self._finished)}
            self._run_dir.append_record(runs.ASKED, {**record, "search": self._noted(asked)})
        return candidate

    def _draw(self, number: int) -> tuple[str, optuna.Trial]:
        """Draw one proposal: a seed, the sampler's, or (when the sampler's are passed over) one of our own."""
        sampler = samplers.make_sampler(self._sampler_name, self._task, samplers.proposal_seed(self._seed, number))
        source = SAMPLED
        own = number - self._first
        if own < len(self._seeds):
            name, architecture = self._seeds[own]
            source = f"seed:{name}"
            sampler = samplers.Fixed(self.space.encode(architecture), sampler)
        elif (tries := number - max(self._accepted, self._first + len(self._seeds) - 1) - 1) >= _PATIENCE:
            pulls = tries % (_MAX_PULLS + 1)
            sampler = samplers.Fixed(self.space.encode(self._explore(number, pulls)), sampler)
        self._optuna.sampler = sampler
        trial = self._optuna.ask(self._distributions)
        # One table for all trials: Optuna makes one for each, as large as the answers themselves.
        self._optuna.get_trials(deepcopy=False)[trial.number].distributions = self._distributions
        return source, trial

    def _explore(self, number: int, pulls: int) -> Architecture:
        """Draw an architecture at random and cross it `pulls` times with one that is likely to be feasible."""
        rng = random.Random(samplers.proposal_seed(self._seed, number))
        if self._only is not None and self._only.members:
            new = [a for a in self._only.members if a.digest not in self._known]
            return rng.choice(new or self._only.members)
        anchors = [c.architecture for c in front_of(self._visible)] or [self.space.smallest()]
        anchor = rng.choice(anchors)
        architecture = self._task.sample(rng)
        for _ in range(pulls):
            architecture = self.space.crossover(architecture, anchor, rng)
        return architecture

    def _reject(self, candidate: Candidate, trial: optuna.Trial) -> None:
        """Tell the sampler of an infeasible proposal; beyond a few per accepted candidate, forget it."""
        self._infeasible += 1
        if self._told_infeasible >= _TOLD_INFEASIBLE and candidate.source == SAMPLED:
            self._optuna.tell(trial, state=TrialState.FAIL)
            return
        self._told_infeasible += 1
        for name, over in objective.overshoot(candidate.metrics, self.constraints).items():
            trial.set_constraint(name, over)
        self._known.add(candidate.digest)
        self._keep(candidate, self._optuna.tell(trial, state=TrialState.PRUNED))

    def _keep(self, candidate: Candidate, trial: FrozenTrial) -> None:
        """Remember a finished candidate, in memory, on disk and in the mirror."""
        self._finished.append(candidate)
        self._front = front_of([*self._front, candidate])
        if self._run_dir is None or self._mirror is None:
            return
        search = self._noted(trial)
        self._run_dir.append_record(runs.CANDIDATES, {**candidate.to_dict(), "search": search})
        self._mirror.add(self._frozen(candidate, trial.params, search["attrs"]))

    def _noted(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return what a resumed search needs beyond the candidate itself."""
        return {
            "params": trial.params,
            "attrs": {k: v for k, v in trial.system_attrs.items() if not k.startswith("constraints")},
            "infeasible": self._infeasible,
            "duplicates": self._duplicates,
        }

    def _restore(self, finished: Sequence[Record], asked: Sequence[Record], *, place: Path) -> None:
        """Take up what a search that was killed had finished, and what it had in the air."""
        found: dict[int, tuple[Candidate, Mapping[str, Any]]] = {}
        for record in (*finished, *asked):
            candidate = read_candidate(record, self.space, self._distributions, self._cost_fn, place=place)
            found[candidate.number] = candidate, record["search"]
        self._finished = [candidate for candidate, _ in found.values() if candidate.state != "proposed"]
        self._front = front_of(self._finished)
        ordered = [found[number] for number in sorted(found)]
        taken_over = [c.number for c, search in ordered if search.get("from_run")]
        self._first = max(taken_over, default=-1) + 1
        accepted = [c.number for c, _ in ordered if c.state != "infeasible" and c.number >= self._first]
        unseen = {c.number for c, _ in ordered if c.state == "proposed"} | set(accepted[-(self._lag or 0) or None :])
        for candidate, search in ordered:
            self._take_up(candidate, search, visible=candidate.number not in unseen)
        for candidate in self._finished:
            search = found[candidate.number][1]
            assert self._mirror is not None
            self._mirror.add(self._frozen(candidate, search["params"], search["attrs"]))

    def _take_up(self, candidate: Candidate, search: Mapping[str, Any], *, visible: bool) -> None:
        """Put one candidate back where it was: in order of their numbers, as the sampler knew them."""
        number = candidate.number
        self._known.add(candidate.digest)
        self._tightest.note(candidate.metrics)
        self._next = number + 1
        self._infeasible = max(self._infeasible, search["infeasible"])
        self._duplicates = max(self._duplicates, search["duplicates"])
        if candidate.state == "infeasible":
            self._told_infeasible += 1
        else:
            self._accepted, self._told_infeasible = number, 0
        if visible:
            self._visible.append(candidate)
            self._optuna.add_trial(self._frozen(candidate, search["params"], search["attrs"]))
            return
        self._optuna.sampler = samplers.Fixed(search["params"], RandomSampler())
        trial = self._optuna.ask(self._distributions)
        for name, value in search["attrs"].items():
            trial.storage.set_trial_system_attr(trial._trial_id, name, value)
        self._waiting.append(number)
        if candidate.state == "proposed":
            self._again.append((candidate, trial))
        else:
            self._held[number] = (candidate, trial)

    def _frozen(self, candidate: Candidate, params: Mapping[str, Any], attrs: Mapping[str, Any]) -> FrozenTrial:
        infeasible = candidate.state == "infeasible"
        over = objective.overshoot(candidate.metrics, self.constraints) if infeasible else {}
        return frozen_trial(candidate, params, self._distributions, attrs, over, macs_count=self._macs_count)
