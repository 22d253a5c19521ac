"""A search from Python: a space of one's own, a known target, and what comes out. Run: python search.py"""

from nas import SearchSpace, Target, search

space = SearchSpace.read(
    {
        "name": "mine",
        "description": "small convolutional networks",
        "resolution": 16,
        "stem": {"out_chs": 8},
        "stages": [
            {"depth": [1, 2], "out_chs": [8, 16], "stride": 2, "blocks": [{"kind": "mbconv", "kernel_size": [3, 5]}]},
            {"depth": [1, 2], "out_chs": [16, 32], "stride": 2, "blocks": [{"kind": "conv"}, {"kind": "mbconv"}]},
        ],
        "heads": [{"kind": "pool"}],
    }
)
target = Target.load("jetson-orin")
costs = target.metrics(space.smallest())
print(f"the smallest network: {costs.macs:,} MACs, {costs.latency_ms:.2f} ms")

result = search(
    target,
    space=space,
    data="digits",
    latency_ms=2 * costs.latency_ms,
    evaluations=12,
    supernet_epochs=1,
    finalists=1,
    finalist_epochs=1,
    ray_address="inline",  # no Ray: small searches are quicker in this process
)
print(f"the winner: {result.winner.macs:,} MACs, {result.winner.test_accuracy:.1%} of the test images")
print(result.verdict)
print(f"its network has {sum(p.numel() for p in result.network().parameters()):,} parameters; see {result.report}")
