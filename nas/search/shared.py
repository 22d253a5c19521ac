"""One study for several searches, in a database that all of them reach.

The study that is asked stays in the memory of each search. The database holds who evaluates what: a search *claims* an
architecture before it evaluates it, by a running trial of an Optuna study, and of several claims the first counts.
What is finished there is taken up by the others. A search that was silent for a while is gone, and its claims with it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from nas.errors import NasError
from nas.search.mirror import goals, new_study
from nas.search.study_url import StudyUrl, open_storage

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from nas.search.candidate import Candidate

BEAT_S = 15.0
GONE_S = 120.0  # an owner that was silent for so long is gone
_BEAT = "beat:"
_OVER = (TrialState.COMPLETE, TrialState.FAIL)


@dataclass(frozen=True, slots=True)
class News:
    """What the other searches did.

    Attributes:
        finished: trials that were not reported before, in order.
        taken: digests that others evaluate now.
    """

    finished: tuple[FrozenTrial, ...]
    taken: frozenset[str]


class SharedStudy:
    """The study in the database, as one of the searches sees it."""

    def __init__(
        self, url: StudyUrl, name: str, owner: str, *, macs_count: bool = True, gone_s: float = GONE_S
    ) -> None:
        """Open the study, or make it if this search is the first.

        Args:
            url: where the database is.
            name: of the study: equal for searches that may share.
            owner: of the claims: equal when a search is resumed.
            macs_count: whether few MACs are a goal beside accuracy.
            gone_s: how long another may be silent before its claims are taken over.

        Raises:
            UserError: if the database cannot be reached.
        """
        self._url = url
        self._owner = owner
        self._macs_count = macs_count
        self._gone_s = gone_s
        self._storage = open_storage(url)
        with self._reached():
            self._study = new_study(name, self._storage, macs_count=macs_count, join=True)
        self._study.sampler = RandomSampler()
        self._reported: set[int] = set()
        self._mine: dict[str, int] = {}  # trial number by digest
        self._heard: dict[str, tuple[Any, float]] = {}
        self._stop = threading.Event()
        self._beat()
        self._pulse = threading.Thread(target=self._beat_on, daemon=True, name="nas-study")
        self._pulse.start()

    def claim(self, candidate: Candidate, params: Mapping[str, Any], space: Mapping[str, BaseDistribution]) -> bool:
        """Say that this search evaluates a candidate; False if another does, or has done so."""
        with self._reached():
            held = self._first(candidate.digest)
            if held is None:
                note = {"digest": candidate.digest, "owner": self._owner, "source": candidate.source}
                note["claim"] = uuid.uuid4().hex
                self._study.add_trial(
                    optuna.trial.create_trial(
                        state=TrialState.RUNNING, params=dict(params), distributions=dict(space), user_attrs=note
                    )
                )
                held = self._first(candidate.digest)
                assert held is not None
                if held.user_attrs["claim"] != note["claim"]:
                    mine = next(t for t in self._trials() if t.user_attrs.get("claim") == note["claim"])
                    self._study.tell(mine.number, state=TrialState.PRUNED)
            if held.user_attrs["owner"] != self._owner or held.state != TrialState.RUNNING:
                return False
            self._mine[candidate.digest] = held.number
        return True

    def finish(self, candidate: Candidate) -> None:
        """Tell the others how a claimed candidate came out; nothing if the claim was lost meanwhile."""
        number = self._mine.pop(candidate.digest, None)
        if number is None:
            return
        self._reported.add(number)
        values = goals(candidate.metrics, macs_count=self._macs_count)
        with self._reached():
            if self._trial(number).state == TrialState.RUNNING:
                self._study.tell(number, values, state=TrialState.FAIL if values is None else None)

    def catch_up(self, finished: Mapping[str, Candidate]) -> None:
        """After a restart: tell what was finished and not told, and note what of the study is known already."""
        with self._reached():
            for trial in self._trials():
                known = finished.get(trial.user_attrs.get("digest", ""))
                if known is None:
                    continue
                self._reported.add(trial.number)
                if trial.state == TrialState.RUNNING and trial.user_attrs["owner"] == self._owner:
                    self._mine[known.digest] = trial.number
                    self.finish(known)

    def news(self) -> News:
        """Return what the others finished since the last call, and what they evaluate now."""
        with self._reached():
            trials = self._trials()
            new = [
                t for t in trials if t.state in _OVER and t.number not in self._reported and "digest" in t.user_attrs
            ]
            self._reported |= {t.number for t in new}
            running = (t for t in trials if t.state == TrialState.RUNNING and t.user_attrs.get("owner") != self._owner)
            taken = frozenset(t.user_attrs["digest"] for t in running if self._is_there(t.user_attrs["owner"]))
        return News(tuple(new), taken)

    def close(self) -> None:
        """Give back what is claimed and not finished, and fall silent."""
        self._stop.set()
        self._pulse.join(timeout=BEAT_S)
        try:
            with self._reached():
                for number in self._mine.values():
                    if self._trial(number).state == TrialState.RUNNING:
                        self._study.tell(number, state=TrialState.PRUNED)
        except NasError:  # gone already: the others will notice
            pass
        self._mine.clear()
        self._storage.remove_session()

    def __enter__(self) -> SharedStudy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _trial(self, number: int) -> FrozenTrial:
        return next(t for t in self._trials() if t.number == number)

    def _first(self, digest: str) -> FrozenTrial | None:
        """Return the claim of a digest that counts: finished, or the first one of somebody who is still there."""
        claims = [t for t in self._trials() if t.user_attrs.get("digest") == digest]
        over = next((t for t in claims if t.state in _OVER), None)
        running = (t for t in claims if t.state == TrialState.RUNNING)
        return over or next((t for t in running if self._is_there(t.user_attrs["owner"])), None)

    def _is_there(self, owner: str) -> bool:
        if owner == self._owner:
            return True
        beat, now = self._study.user_attrs.get(_BEAT + owner), time.monotonic()
        last, since = self._heard.setdefault(owner, (beat, now))
        if beat != last:
            self._heard[owner] = (beat, now)
            return True
        return now - since < self._gone_s

    def _beat(self) -> None:
        with self._reached():
            self._study.set_user_attr(_BEAT + self._owner, uuid.uuid4().hex)

    def _beat_on(self) -> None:
        while not self._stop.wait(min(BEAT_S, self._gone_s / 4)):
            try:
                self._beat()
            except NasError:
                continue  # the search itself will say so
        self._storage.remove_session()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn what a database can do into one message."""
        try:
            yield
        except (NasError, AssertionError):
            raise
        except Exception as error:  # drivers raise each their own
            raise NasError(
                f"shared study at {self._url}: {self._url.reason(error)}; what is finished is kept"
            ) from None
