"""Makes the documents of a run that never ran: seeded, and of the size and shape of a real one."""

import json
import math
import random
from dataclasses import dataclass, field

BLOCK_KINDS = ("mbconv", "fused_mbconv", "depthwise_separable", "transformer")


@dataclass
class RunDocuments:
    result: dict
    candidates: list = field(default_factory=list)

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").write_text(json.dumps(self.result), encoding="utf-8")
        lines = "".join(json.dumps(c) + "\n" for c in self.candidates)
        (folder / "candidates.jsonl").write_text(lines, encoding="utf-8")
        return folder


def make_run(*, complete=47, infeasible=30, baselines=3, seed=0, name="jetson-orin"):
    rng = random.Random(seed)
    candidates = [_seed(i, *row) for i, row in enumerate(BASELINES[:baselines])]
    candidates += [_candidate(rng, "complete") for _ in range(complete)]
    candidates += [_candidate(rng, "infeasible") for _ in range(infeasible)]
    rng.shuffle(candidates)
    for number, candidate in enumerate(candidates):
        candidate["number"] = number
    trained = [c for c in candidates if c["state"] == "complete"]
    front = [_entry(c) for c in _front(trained)]
    for entry in front[-3:]:
        entry["test_accuracy"] = round(entry["search_accuracy"] - 0.006, 4)
    winner = _winner(front[-2] if len(front) > 1 else front[0]) if front else None
    return RunDocuments(_result(name, winner, front, baselines, candidates), candidates)


BASELINES = (
    ("mobilenetv2", 2.9e6, 0.72, 0.941),
    ("mobilenetv3_small", 1.6e6, 0.61, 0.934),
    ("efficientnet_b0", 9.8e6, 1.9, 0.962),
)


def _seed(index, name, macs, latency_ms, accuracy):
    state = "complete" if latency_ms <= 1.2 else "infeasible"
    candidate = _document(f"seed:{name}", state, macs, latency_ms, accuracy if state == "complete" else None)
    candidate["digest"] = f"base{index:012d}"
    return candidate


def _candidate(rng, state):
    macs = 10 ** rng.uniform(5.3, 6.85)
    latency_ms = 0.11 + 0.17 * (macs / 1e6) ** 0.8 * rng.uniform(0.85, 1.2)
    if state == "infeasible":
        latency_ms = 1.2 * rng.uniform(1.03, 3.0)
        macs = 1e6 * (latency_ms / 0.17) ** 1.25
    else:
        latency_ms = min(latency_ms, 1.19)
    accuracy = 0.985 - 0.22 * math.exp(-macs / 0.9e6) - abs(rng.gauss(0, 0.02))
    return _document("sampler", state, macs, latency_ms, accuracy if state == "complete" else None)


def _document(source, state, macs, latency_ms, accuracy):
    digest = f"{hash((round(macs), round(1e6 * latency_ms))) & 0xFFFFFFFFFFFFFFFF:016x}"
    return {
        "digest": digest,
        "source": source,
        "state": state,
        "architecture": {},
        "metrics": {
            "accuracy": accuracy,
            "macs": int(macs),
            "params": int(macs / 14 + 9000),
            "latency_ms": latency_ms,
            "peak_memory_bytes": int(90_000 + macs / 40),
            "accuracy_per_gmac": None if accuracy is None else 100 * accuracy / (macs / 1e9),
        },
        "overshoot": {} if state == "complete" else {"latency_ms": latency_ms / 1.2 - 1},
        "error": None,
        "seconds": 0.8,
    }


def _front(trained):
    front, best = [], -1.0
    for candidate in sorted(trained, key=lambda c: c["metrics"]["macs"]):
        if candidate["metrics"]["accuracy"] > best:
            best = candidate["metrics"]["accuracy"]
            front.append(candidate)
    return front


def _entry(candidate):
    metrics = dict(candidate["metrics"])
    metrics["search_accuracy"] = metrics.pop("accuracy")
    half = 0.12 * metrics["latency_ms"]
    interval = [metrics["latency_ms"] - half, metrics["latency_ms"] + half]
    name = f"candidate {candidate['number']}"
    return {"name": name, "digest": candidate["digest"], "latency_interval_ms": interval, **metrics}


def _winner(entry):
    architecture = make_architecture()
    kernels = make_kernels(architecture, entry["latency_ms"])
    return {
        **entry,
        "name": "winner",
        "test_accuracy": 0.968,
        "architecture": architecture,
        "kernels": kernels,
    }


def make_architecture(depths=(1, 2, 3, 2, 2), resolution=32):
    stages, channels = [], 16
    for i, depth in enumerate(depths):
        kind = BLOCK_KINDS[i % len(BLOCK_KINDS)]
        channels += 8 * (i + 1)
        stages.append([_block(kind, channels, 2 if j == 0 and i % 2 else 1) for j in range(depth)])
    return {
        "resolution": resolution,
        "num_classes": 10,
        "stem": {"out_chs": 16, "kernel_size": 3, "stride": 2, "act": "relu"},
        "stages": stages,
        "head": {"kind": "conv_pool", "features": 256, "act": "relu"},
    }


def _block(kind, channels, stride):
    if kind == "transformer":
        return {"kind": kind, "out_chs": channels, "num_heads": 4, "head_dim": 16, "mlp_ratio": 2.0}
    block = {"kind": kind, "out_chs": channels, "stride": stride, "kernel_size": 5 if channels > 40 else 3}
    if kind != "depthwise_separable":
        block["exp_ratio"] = 4.0
    return {**block, "se": "none", "act": "relu"}


def make_kernels(architecture, latency_ms):
    rng = random.Random(1)
    kernels = []
    for stage in architecture["stages"]:
        for block in stage:
            c = block["out_chs"]
            for kind, label in (
                ("conv_pw", f"conv_pw 1x1 s1 {c} -> {4 * c} @ 8x8 + batch_norm + relu"),
                ("conv_dw", f"conv_dw 5x5 s1 {4 * c} -> {4 * c} @ 8x8 + batch_norm + relu"),
                ("conv_pw", f"conv_pw 1x1 s1 {4 * c} -> {c} @ 8x8 + batch_norm + add"),
            ):
                kernels.append({"label": label, "kind": kind, "latency_ms": rng.uniform(0.2, 1.0)})
    for kind in ("softmax", "attention", "linear", "pool", "norm"):
        kernels.append({"label": f"{kind} 64 -> 64 @ 16", "kind": kind, "latency_ms": rng.uniform(0.1, 0.6)})
    total = sum(k["latency_ms"] for k in kernels)
    for kernel in kernels:
        kernel["share"] = kernel["latency_ms"] / total
        kernel["latency_ms"] *= latency_ms / total
    return kernels


def _baseline(index, name, macs, latency_ms, accuracy):
    return {
        "name": name,
        "digest": f"base{index:012d}",
        "macs": int(macs),
        "params": int(macs / 12),
        "peak_memory_bytes": 180_000,
        "latency_ms": latency_ms,
        "latency_interval_ms": [0.9 * latency_ms, 1.1 * latency_ms],
        "search_accuracy": accuracy,
        "test_accuracy": accuracy - 0.004,
        "accuracy_per_gmac": 100 * accuracy / (macs / 1e9),
        "feasible": latency_ms <= 1.2,
    }


def _result(name, winner, front, baselines, candidates):
    infeasible = sum(c["state"] == "infeasible" for c in candidates)
    return {
        "schema_version": 1,
        "target": name,
        "space": "tiny-hybrid",
        "data": "digits",
        "seed": 0,
        "versions": {"nas": "0.1.0", "torch": "2.13.0"},
        "budget": {
            "latency_ms": 1.2,
            "derived": True,
            "feasible_share": 0.41,
            "macs": None,
            "params": None,
            "peak_memory_bytes": None,
        },
        "select": "accuracy_per_mac",
        "accuracy_slack": 0.01,
        "sampler": "nsga2",
        "winner": winner,
        "front": front,
        "baselines": [_baseline(i, *row) for i, row in enumerate(BASELINES[:baselines])],
        "evidence": {
            "kind": "published",
            "networks": 9,
            "share_within_10": 0.67,
            "mape": 0.09,
            "spearman": 0.98,
            "sources": ["Jetson benchmark tables, JetPack 6.0, TensorRT 10.0, float16, batch 1"],
        },
        "verdict": "The winner reaches 96.8 % test accuracy within the budget: 3.1 points more than "
        "mobilenetv2, the best baseline that fits, for 76 % more MACs.",
        "counts": {"evaluated": len(candidates), "infeasible": infeasible, "failed": 0, "duplicates": 4},
        "seconds": {"supernet": 41.2, "search": 38.0, "finalists": 62.5, "export": 4.1, "total": 146.0},
        "verification": [
            {
                "format": "onnx",
                "max_abs_difference": 1.2e-6,
                "images": 64,
                "top1_agreement": 1.0,
                "passed": True,
            }
        ],
    }
