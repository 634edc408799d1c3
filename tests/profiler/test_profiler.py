"""Timing by operator."""

from __future__ import annotations

import json

import pytest
import torch

import flashlight
from flashlight._core import dispatch, tape
from flashlight.profiler import ProfilerActivity, profile, record_function, schedule


def work():
    x = flashlight.ones(8, 8, requires_grad=True)
    (x @ x).exp().sum().backward()


def test_table_and_trace(tmp_path):
    before = dispatch.call, tape.Node.pull
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof, record_function("a stretch"):
        work()
    assert (dispatch.call, tape.Node.pull) == before
    averages = {e.key: e for e in prof.key_averages()}
    assert {"a stretch", "aten::exp", "ExpBackward0"} <= set(averages)
    whole = averages["a stretch"]
    assert 0 <= whole.self_cpu_time_total < whole.cpu_time_total
    table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=3)
    assert "Self CPU" in table and "a stretch" in table
    with pytest.raises(ValueError, match="sort_by"):
        prof.key_averages().table(sort_by="colour")
    assert any(
        e.input_shapes == ((8, 8),) for e in prof.key_averages(group_by_input_shape=True) if e.key == "aten::exp"
    )
    prof.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert len(events) == len(prof.events()) and all(e["ph"] == "X" for e in events)


def test_schedule_is_torchs():
    ours = schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)
    theirs = torch.profiler.schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)
    assert [ours(i).name for i in range(14)] == [theirs(i).name for i in range(14)]


def test_steps():
    ready = []
    with profile(
        schedule=schedule(wait=1, warmup=1, active=2, repeat=1), on_trace_ready=lambda p: ready.append(len(p.events()))
    ) as prof:
        for _ in range(6):
            work()
            prof.step()
    assert len(ready) == 1 and ready[0] > 0
    assert sum(e.name.startswith("ProfilerStep") for e in prof.events()) == 2


def test_what_is_not_there():
    with pytest.raises(NotImplementedError, match="with_stack"):
        profile(with_stack=True)
    with flashlight.autograd.profiler.profile(enabled=False) as prof:
        work()
    assert prof.function_events == []
