"""GradScaler against torch's on the CPU."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import flashlight
import flashlight.optim as ours

LIBRARIES = [(flashlight, ours), (torch, torch.optim)]


def scaler_of(lib, **options):
    return lib.amp.GradScaler("cpu", **{"init_scale": 8.0, "growth_interval": 3, **options})


def train(lib, optim, factors, kind="SGD", **options):
    """One step for each factor of the loss; the scale and the parameter after each."""
    p = lib.tensor([1.0, -2.0]).requires_grad_()
    optimizer = getattr(optim, kind)([p], lr=0.1)
    scaler, log = scaler_of(lib, **options), []
    for factor in factors:
        optimizer.zero_grad()
        scaler.scale((p * p).sum() * factor).backward()
        answer = scaler.step(optimizer)
        scaler.update()
        log.append((scaler.get_scale(), scaler.state_dict()["_growth_tracker"], p.tolist(), answer))
    return log, scaler, p, optimizer


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize(
    "factors",
    [[1.0] * 8, [1.0, INF, 1.0, 1.0, 1.0, NAN, INF, 1.0], [INF] * 3, [1.0, 1.0, INF, 1.0, 1.0, 1.0, 1.0]],
    ids=str,
)
def test_scale_grows_and_shrinks_as_torchs(kind, factors):
    mine, theirs = (train(*library, factors, kind)[0] for library in LIBRARIES)
    for a, b in zip(mine, theirs, strict=True):
        assert a[:2] == b[:2] and a[3] == b[3]
        np.testing.assert_allclose(a[2], b[2], rtol=1e-6)


def test_factors_and_overflow_of_the_scale():
    options = {"init_scale": 2.0**126, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 1}
    mine, theirs = (train(*library, [1e-38, 1e-38, INF, 1e-38], **options)[0] for library in LIBRARIES)
    assert [entry[:2] for entry in mine] == [entry[:2] for entry in theirs]


def test_unscaling_to_clip():
    results = []
    for lib, optim in LIBRARIES:
        p = lib.tensor([3.0, 4.0]).requires_grad_()
        optimizer, scaler = optim.SGD([p], lr=1.0), scaler_of(lib)
        scaler.scale((p * p).sum() / 2).backward()
        scaler.unscale_(optimizer)
        assert p.grad.tolist() == [3.0, 4.0]
        lib.nn.utils.clip_grad_norm_([p], 1.0)
        scaler.step(optimizer)
        scaler.update()
        results.append(p.tolist())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_gradients_keep_their_dtype(dtype):
    for lib, optim in LIBRARIES:
        p = lib.tensor([1.0, 2.0], dtype=getattr(lib, dtype)).requires_grad_()
        optimizer, scaler = optim.SGD([p], lr=1.0), scaler_of(lib, init_scale=4.0)
        assert str(scaler.scale(p).dtype) == f"torch.{dtype}"
        scaler.scale(p.sum()).backward()
        kept = p.grad
        scaler.unscale_(optimizer)
        assert p.grad is kept and str(kept.dtype) == f"torch.{dtype}" and kept.tolist() == [1.0, 1.0]


def test_nested_outputs():
    for lib, _ in LIBRARIES:
        scaler = scaler_of(lib)
        a, (b, [c]) = scaler.scale((lib.ones(1), [lib.ones(2), (lib.ones(1),)]))
        assert [t.tolist() for t in (a, b, c)] == [[8.0], [8.0, 8.0], [8.0]]
        with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
            scaler.scale(3.0)


def test_two_optimizers_share_a_scale():
    scales = []
    for lib, optim in LIBRARIES:
        p, q = lib.ones(1).requires_grad_(), lib.ones(1).requires_grad_()
        a, b, scaler = optim.SGD([p], lr=0.5), optim.SGD([q], lr=0.5), scaler_of(lib)
        scaler.scale(p.sum() + (q * INF).sum()).backward()
        scaler.step(a), scaler.step(b)
        scaler.update()
        scales.append((scaler.get_scale(), p.item(), q.item()))
    assert scales[0] == scales[1] == (4.0, 0.5, 1.0)


def test_state_dict_goes_both_ways_and_pickles():
    logs = {lib: train(lib, optim, [1.0, INF, 1.0]) for lib, optim in LIBRARIES}
    mine, theirs = logs[flashlight][1], logs[torch][1]
    assert mine.state_dict() == theirs.state_dict() and list(mine.state_dict()) == list(theirs.state_dict())
    fresh = scaler_of(flashlight)
    fresh.load_state_dict(theirs.state_dict())
    used = train(flashlight, ours, [1.0] * 5)[1]
    used.load_state_dict(theirs.state_dict())
    for scaler in (fresh, used, pickle.loads(pickle.dumps(mine)), copy.deepcopy(mine)):
        assert scaler.state_dict() == mine.state_dict()
        scaler.scale(flashlight.ones(1))
        assert scaler.get_scale() == mine.get_scale()


def test_disabled():
    for lib, optim in LIBRARIES:
        scaler = scaler_of(lib, enabled=False)
        p = lib.ones(1).requires_grad_()
        optimizer = optim.SGD([p], lr=0.5)
        loss = p.sum()
        assert scaler.scale(loss) is loss and not scaler.is_enabled()
        loss.backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        assert p.item() == 0.5 and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
        scaler.load_state_dict({})


def test_options_can_be_changed():
    for lib, _ in LIBRARIES:
        scaler = scaler_of(lib)
        scaler.set_growth_factor(3.0), scaler.set_backoff_factor(0.1), scaler.set_growth_interval(7)
        assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (3.0, 0.1, 7)
        scaler.scale(lib.ones(1))
        scaler.update(16.0)
        assert scaler.get_scale() == 16.0
        scaler.update(lib.tensor(32.0))
        assert scaler.get_scale() == 32.0
        assert lib.amp.GradScaler("cpu").get_scale() == 65536.0


def once(lib, optim, dtype="float32"):
    p = lib.ones(1, dtype=getattr(lib, dtype)).requires_grad_()
    optimizer, scaler = optim.SGD([p], lr=0.5), scaler_of(lib)
    scaler.scale(p.sum()).backward()
    return optimizer, scaler


def unscale_twice(lib, optim):
    optimizer, scaler = once(lib, optim)
    scaler.unscale_(optimizer), scaler.unscale_(optimizer)


def unscale_after_step(lib, optim):
    optimizer, scaler = once(lib, optim)
    scaler.step(optimizer), scaler.unscale_(optimizer)


def step_twice(lib, optim):
    optimizer, scaler = once(lib, optim)
    scaler.step(optimizer), scaler.step(optimizer)


def half_gradients(lib, optim):
    optimizer, scaler = once(lib, optim, "float16")
    scaler.unscale_(optimizer)


def closure(lib, optim):
    optimizer, scaler = once(lib, optim)
    scaler.step(optimizer, closure=lambda: 1)


def no_gradients(lib, optim):
    optimizer, scaler = once(lib, optim)
    optimizer.zero_grad()
    scaler.step(optimizer)


def update_too_early(lib, optim):
    once(lib, optim)[1].update()


def pickled_in_between(lib, optim):
    optimizer, scaler = once(lib, optim)
    scaler.unscale_(optimizer)
    pickle.dumps(scaler)


ERRORS = {
    "growth": lambda lib, optim: scaler_of(lib, growth_factor=1.0),
    "backoff": lambda lib, optim: scaler_of(lib, backoff_factor=1.0),
    "step unscaled": lambda lib, optim: scaler_of(lib).step(optim.SGD([lib.ones(1)], lr=1.0)),
    "update unscaled": lambda lib, optim: scaler_of(lib).update(),
    "empty state": lambda lib, optim: scaler_of(lib).load_state_dict({}),
    **{
        fn.__name__: fn
        for fn in (
            unscale_twice,
            unscale_after_step,
            step_twice,
            half_gradients,
            closure,
            no_gradients,
            update_too_early,
            pickled_in_between,
        )
    },
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case):
    found = []
    for library in LIBRARIES:
        with pytest.raises(Exception) as error:
            ERRORS[case](*library)
        found.append((error.type, str(error.value)))
    assert found[0] == found[1]


def test_optimizers_that_scale_themselves():
    logs = []
    for lib, optim in LIBRARIES:
        log = []

        class Scaling(optim.SGD):
            _step_supports_amp_scaling = True

            def step(self, closure=None, log=log):
                log.append(
                    (self.grad_scale.item(), self.found_inf.item(), self.param_groups[0]["params"][0].grad.tolist())
                )
                return "stepped"

        p = lib.ones(2).requires_grad_()
        optimizer, scaler = Scaling([p], lr=0.5), scaler_of(lib)
        for factor in (1.0, INF):
            p.grad = None
            scaler.scale((p * factor).sum()).backward()
            log.append(scaler.step(optimizer))
            scaler.update()
        log.append((scaler.get_scale(), hasattr(optimizer, "grad_scale")))
        logs.append(log)
    assert logs[0] == logs[1]


def test_cuda_and_mps_labels_scale_too():
    for device in ("cuda", "mps"):
        scaler = flashlight.amp.GradScaler(device)
        assert scaler.is_enabled() and scaler.scale(flashlight.ones(1)).item() == 65536.0


def test_with_autocast():
    flashlight.manual_seed(0)
    model = flashlight.nn.Linear(4, 1)
    optimizer, scaler = ours.Adam(model.parameters(), lr=0.05), flashlight.amp.GradScaler("mps", init_scale=2.0**10)
    x = flashlight.randn(64, 4)
    y = x @ flashlight.tensor([[1.0], [-2.0], [0.5], [3.0]])
    first = last = None
    for _ in range(150):
        optimizer.zero_grad()
        with flashlight.autocast("mps", dtype=flashlight.float16):
            loss = flashlight.nn.functional.mse_loss(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        first, last = first or loss.item(), loss.item()
    assert last < first / 100
