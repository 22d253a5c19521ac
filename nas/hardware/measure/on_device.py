"""Times one ONNX file; copied to a device as it is, where it needs nothing but onnxruntime and numpy.

Prints one line of JSON: the wall and CPU times of all runs in milliseconds.
"""

import argparse
import json
import sys
import time


def main() -> None:
    """Time the model that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--min-runs", type=int, default=10)
    parser.add_argument("--max-runs", type=int, default=3000)
    given = parser.parse_args()
    try:
        import numpy as np
        import onnxruntime
    except ImportError as error:
        sys.exit(f"missing: {error.name}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(given.model, options, providers=["CPUExecutionProvider"])
    tensor = session.get_inputs()[0]
    image = np.random.default_rng(0).standard_normal(tensor.shape).astype(np.float32)
    cpu_clock = time.thread_time if given.threads == 1 else time.process_time
    wall_ms: list[float] = []
    cpu_ms: list[float] = []
    for _ in range(5):
        session.run(None, {tensor.name: image})
    deadline = time.perf_counter() + given.seconds
    while len(wall_ms) < given.min_runs or (time.perf_counter() < deadline and len(wall_ms) < given.max_runs):
        wall_start, cpu_start = time.perf_counter(), cpu_clock()
        session.run(None, {tensor.name: image})
        wall_ms.append((time.perf_counter() - wall_start) * 1e3)
        cpu_ms.append((cpu_clock() - cpu_start) * 1e3 / given.threads)
    figures = {"wall_ms": wall_ms, "cpu_ms": cpu_ms, "version": onnxruntime.__version__}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
