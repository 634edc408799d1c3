"""benchmark, collect_env, tensorboard, hub."""

from __future__ import annotations

import hashlib
import importlib
import sys
import types

import numpy as np
import pytest

import flashlight
from flashlight.utils import benchmark, collect_env


def test_timer():
    timer = benchmark.Timer("y = x * 2", setup="x = 3", label="double")
    found = timer.timeit(50)
    assert found.number_per_run == 50 and found.mean > 0 and "double" in repr(found)
    found = timer.blocked_autorange(min_run_time=0.01)
    assert sum(found.raw_times) >= 0.01 and found.median > 0 and found.iqr >= 0
    with pytest.raises(ValueError, match="num_threads"):
        benchmark.Timer(num_threads=2)


def test_environment():
    text = collect_env.get_pretty_env_info()
    assert "mlx:" in text and "Metal:" in text


def test_summary_writer(monkeypatch):
    tensorboard = importlib.import_module("flashlight.utils.tensorboard")
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        tensorboard.SummaryWriter()
    calls = []

    class Writer:
        def __init__(self, **kwargs):
            self.logdir = kwargs["logdir"]

        def add_scalar(self, *args, **kwargs):
            calls.append((args, kwargs))

        def close(self):
            calls.append("closed")

    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Writer))
    with tensorboard.SummaryWriter("runs") as writer:
        assert writer.log_dir == "runs"
        writer.add_scalar("loss", flashlight.tensor(2.0), global_step=3)
    (_, value), kwargs = calls[0]
    assert isinstance(value, np.ndarray) and value == 2.0 and kwargs == {"global_step": 3} and calls[1] == "closed"


def test_hub(tmp_path, monkeypatch):
    hub = flashlight.hub
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    assert hub.get_dir() == str(tmp_path / "home" / "hub")
    source = tmp_path / "weights.pth"
    flashlight.save({"w": flashlight.ones(2)}, source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    named = source.rename(tmp_path / f"weights-{digest[:8]}.pth")
    found = hub.load_state_dict_from_url(named.as_uri(), check_hash=True, progress=False)
    assert found["w"].tolist() == [1.0, 1.0]
    kept = tmp_path / "home" / "hub" / "checkpoints" / named.name
    assert kept.exists()
    named.unlink()
    assert hub.load_state_dict_from_url(named.as_uri(), progress=False)["w"].tolist() == [1.0, 1.0]
    wrong = kept.rename(tmp_path / "weights-00000000.pth")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.load_state_dict_from_url(wrong.as_uri(), check_hash=True, progress=False)
    with pytest.raises(RuntimeError, match="check the network"):
        hub.load_state_dict_from_url((tmp_path / "none.pth").as_uri(), progress=False)
    assert [p.name for p in kept.parent.iterdir()] == []


def test_hub_from_a_folder(tmp_path):
    (tmp_path / "hubconf.py").write_text("dependencies = ['numpy']\ndef double(x):\n    'Twice.'\n    return 2 * x\n")
    hub = flashlight.hub
    assert hub.load(str(tmp_path), "double", 4, source="local") == 8
    assert hub.list(str(tmp_path)) == ["double"] and hub.help(str(tmp_path), "double") == "Twice."
    with pytest.raises(NotImplementedError, match="local"):
        hub.load("owner/repository", "double")
