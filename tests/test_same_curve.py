"""The headline: one training script, one seed, and the same loss curve under PyTorch and flashlight."""

import numpy as np
import pytest
import torch

import flashlight


def train(lib, workers: int, given: bool, optimizer: str) -> list[float]:
    """Two epochs of a small classifier: default initialisation, dropout, a shuffled loader, a random split."""
    lib.manual_seed(42)
    x = lib.randn(60, 8)
    y = (x.sum(1) > 0).long() + (x[:, 0] > 1).long()
    generator = lib.Generator().manual_seed(7) if given else None
    data, _ = lib.utils.data.random_split(lib.utils.data.TensorDataset(x, y), [48, 12])
    loader = lib.utils.data.DataLoader(data, 8, shuffle=True, num_workers=workers, generator=generator)
    model = lib.nn.Sequential(lib.nn.Linear(8, 32), lib.nn.ReLU(), lib.nn.Dropout(0.3), lib.nn.Linear(32, 3))
    if optimizer == "sgd":
        steps = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    else:
        steps = lib.optim.Adam(model.parameters(), lr=1e-2)
    criterion, losses = lib.nn.CrossEntropyLoss(), []
    for _ in range(2):
        for inputs, targets in loader:
            steps.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            steps.step()
            losses.append(loss.item())
    model.eval()
    losses.append(criterion(model(x), y).item())
    return losses


@pytest.mark.parametrize(
    "workers, given, optimizer", [(0, False, "sgd"), (2, False, "sgd"), (0, True, "adam"), (2, True, "adam")]
)
def test_the_same_script_gives_the_same_curve(workers, given, optimizer):
    ours, theirs = train(flashlight, workers, given, optimizer), train(torch, workers, given, optimizer)
    assert len(ours) == 13 and theirs[-1] < theirs[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(flashlight.get_rng_state().numpy(), torch.get_rng_state().numpy())
