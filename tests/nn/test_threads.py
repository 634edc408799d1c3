"""Models made in one thread and run in another: MLX evaluates pending work in the thread that made it only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import flashlight
from flashlight import nn


def _elsewhere(work):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


MODELS = {
    "batch norm": lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)),
    "transformer": lambda: nn.TransformerEncoderLayer(3, 1, 8),
    "half": lambda: nn.Linear(3, 3).half().float(),
    "layer norm": lambda: nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_evaluation_mode_runs_in_another_thread(name):
    model = MODELS[name]().eval()
    x = [[1.0, 2.0, 3.0], [0.0, 1.0, 0.5]]
    with flashlight.no_grad():
        found = _elsewhere(lambda: model(flashlight.tensor(x)).tolist())
        assert found == model(flashlight.tensor(x)).tolist()


def test_a_loaded_model_trains_in_another_thread():
    model = nn.Linear(3, 3)
    model.load_state_dict({k: v * 2 for k, v in model.state_dict().items()})

    def train():
        optimizer = flashlight.optim.SGD(model.parameters(), lr=0.1)
        model(flashlight.ones(2, 3)).sum().backward()
        optimizer.step()
        return model.bias.tolist()

    before = model.bias.tolist()
    assert _elsewhere(train) == pytest.approx([b - 0.2 for b in before])


def test_pending_work_of_another_thread_is_named():
    pending = flashlight.ones(3) * 2 + 1
    with pytest.raises(RuntimeError, match="another thread has not evaluated"):
        _elsewhere(lambda: (pending + 1).tolist())
    assert pending.tolist() == [3.0, 3.0, 3.0]
    assert _elsewhere(lambda: (pending + 1).tolist()) == [4.0, 4.0, 4.0]
