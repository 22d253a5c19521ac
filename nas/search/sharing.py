"""Which searches may share a study: those for which a candidate is worth the same."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nas import schema
from nas.search.shared import SharedStudy
from nas.search.study_url import read_url

if TYPE_CHECKING:
    from nas.data import ImageData
    from nas.runs import RunDirectory
    from nas.search.config import SearchConfig
    from nas.search.target import Field


@contextmanager
def shared_study(
    config: SearchConfig, where: Field, data: ImageData, run: RunDirectory
) -> Iterator[SharedStudy | None]:
    """Give the study in the database that a search names, and leave it in the end; None if it names none.

    Raises:
        UserError: if the database cannot be reached.
    """
    if config.study_storage is None:
        yield None
        return
    owner = f"{platform.node()}:{run.path.absolute()}"
    with SharedStudy(read_url(config.study_storage), study_name(config, where, data), owner) as shared:
        yield shared


def study_name(config: SearchConfig, where: Field, data: ImageData) -> str:
    """Return a name that is equal for searches whose candidates are worth the same.

    It depends on the space as the target can run it, the limits, the data, how candidates are scored, and the seed; not
    on the sampler, on how many candidates a search wants, or where it runs.
    """
    space = where.restriction.space
    content = {
        "space": sorted((name, [str(v) for v in values]) for name, values in space.parameters.items()),
        "target": config.target.rpartition("/")[2],
        "constraints": schema.to_dict(config.constraints),
        "data": data.digest,
        "evaluator": schema.to_dict(config.evaluator),
        "recipes": schema.to_dict([config.effort.supernet, config.effort.candidate]),
        "warm_start": None if config.warm_start is None else config.warm_start.digest,
        "precision": config.precision,
        "seed": config.seed,
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    return f"nas-{content['target']}-{space.name}-{digest}"
