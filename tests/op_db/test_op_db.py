"""PyTorch's operator database: how much of it passes. Minutes, hence slow."""

from __future__ import annotations

import collections

import pytest

pytest.importorskip("expecttest", reason="torch's own test tools need it")

TARGETS = {"forward": 0.95, "gradient": 0.92, "errors": 0.95}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_operator_database():
    from . import harness

    passed, counted = collections.Counter(), collections.Counter()
    for op in harness.op_db:
        # what flashlight can not have counts as failed
        missing = {kind: "left out" for kind in TARGETS if harness.dtype_for(op, kind, None) is not None}
        for kind, problem in (harness.run(op, list(TARGETS)) if harness.wanted(op) else missing).items():
            counted[kind] += 1
            passed[kind] += not problem
    rates = {kind: passed[kind] / counted[kind] for kind in TARGETS}
    assert all(rates[kind] >= TARGETS[kind] for kind in TARGETS), rates
