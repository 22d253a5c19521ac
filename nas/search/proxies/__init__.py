"""Zero-cost proxies by name: figures of untrained networks that foretell, more or less, how well they will learn.

Higher is better for each of them. How far each can be trusted stands in docs/benchmarks.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nas.search.proxies.average import rank_average
from nas.search.proxies.contract import Proxy, ProxyBatch
from nas.search.proxies.grad_norm import grad_norm
from nas.search.proxies.macs import macs
from nas.search.proxies.naswot import naswot
from nas.search.proxies.params import params
from nas.search.proxies.snip import snip
from nas.search.proxies.synflow import synflow
from nas.search.proxies.zen import zen
from nas.search.proxies.zico import zico

__all__ = ["PROXIES", "Proxy", "ProxyBatch", "rank_average"]

PROXIES: Mapping[str, Proxy] = MappingProxyType(
    {
        "params": params,
        "macs": macs,
        "synflow": synflow,
        "naswot": naswot,
        "zen": zen,
        "zico": zico,
        "grad_norm": grad_norm,
        "snip": snip,
    }
)
