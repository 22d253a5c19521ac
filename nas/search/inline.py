"""Evaluating in this process, one candidate after another: tiny runs and tests."""

from __future__ import annotations

from nas.search.evaluate import EvaluatorSpec, run_evaluation
from nas.search.executor import OnResult, Outcome, Progress, ShouldStop, Source


class InlineExecutor:
    """Evaluates in the calling process. An exception that is none of a candidate's, such as Ctrl-C, passes through."""

    def run(
        self,
        study: Source,
        evaluator_spec: EvaluatorSpec,
        evaluations: int,
        on_result: OnResult,
        should_stop: ShouldStop,
    ) -> Outcome:
        """See `Executor.run`."""
        progress = Progress(study, evaluations, on_result, should_stop)
        evaluator = evaluator_spec.build()
        while (candidate := progress.next()) is not None:
            progress.finish(candidate, run_evaluation(evaluator, candidate.architecture.to_dict()))
        return progress.outcome or "finished"
