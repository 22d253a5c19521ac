"""Search algorithms by name: each makes an Optuna sampler for a task and a seed.

A sampler sees the flat encoding of the space (every parameter always present, all categorical) and must keep nothing
between two proposals: the study makes a fresh one for each proposal, seeded from the search's seed and the number
of the proposal, and everything else it needs it reads from the task and from the study's trials. That is what makes
a search repeatable, and a resumed one the same as an undisturbed one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from optuna.samplers import BaseSampler, RandomSampler

from nas.errors import unknown_name
from nas.search.samplers import evolution, local, surrogate
from nas.search.samplers.base import WholeSampler
from nas.search.samplers.fixed import Fixed
from nas.search.samplers.published import Nsga2, Tpe
from nas.search.samplers.task import CostFunction, Listed, Task

__all__ = ["DEFAULT", "SAMPLERS", "CostFunction", "Fixed", "Listed", "Task", "make_sampler", "proposal_seed"]

DEFAULT = "surrogate"


def uniform(_task: Task, seed: int) -> BaseSampler:
    """Random search: the baseline that every other sampler has to beat."""
    return RandomSampler(seed=seed)


SAMPLERS: Mapping[str, Callable[[Task, int], BaseSampler]] = MappingProxyType(
    {
        "surrogate": partial(WholeSampler, propose=surrogate.propose),
        "evolution": partial(WholeSampler, propose=evolution.propose),
        "local": partial(WholeSampler, propose=local.propose),
        "nsga2": Nsga2,
        "tpe": Tpe,
        "random": uniform,
    }
)


def make_sampler(name: str, task: Task, seed: int) -> BaseSampler:
    """Make the sampler called `name`.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    return SAMPLERS[name](task, seed)


def proposal_seed(seed: int, number: int) -> int:
    """Return what proposal `number` of a search with `seed` is drawn from."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:4], "big")
