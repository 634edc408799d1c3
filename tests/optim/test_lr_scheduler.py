"""Every schedule against torch: rates over many steps, state dicts, resuming, warnings, errors."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import warnings

import pytest
import torch

import flashlight
import flashlight.optim as ours

LIBRARIES = [(flashlight, ours), (torch, torch.optim)]


class Halving:
    """A callable object whose attributes a state dict keeps."""

    def __init__(self, every=3):
        self.every = every

    def __call__(self, n):
        return 0.5 ** (n // self.every)


class Amplitude:
    def __init__(self, base=0.9):
        self.base = base

    def __call__(self, x):
        return self.base**x


def optimizer_of(lib, optim, kind="SGD", **options):
    groups = [{"params": [lib.zeros(1)], "lr": 0.5}, {"params": [lib.zeros(2)], "lr": 0.05}]
    if kind == "SGD":
        options = {"momentum": 0.3, **options}
    return getattr(optim, kind)(groups, lr=1.0, **options)


# name -> schedule of an optimizer `o`, made with the module `s` of either library
SCHEDULES = {
    "LambdaLR": lambda s, o, **k: s.LambdaLR(o, lambda n: 0.9**n, **k),
    "LambdaLR list": lambda s, o, **k: s.LambdaLR(o, [lambda n: 0.9**n, lambda n: 1 / (n + 1)], **k),
    "LambdaLR object": lambda s, o, **k: s.LambdaLR(o, [Halving(), lambda n: 1.0], **k),
    "LambdaLR partial": lambda s, o, **k: s.LambdaLR(o, functools.partial(pow, 0.9), **k),
    "MultiplicativeLR": lambda s, o, **k: s.MultiplicativeLR(o, lambda n: 0.95, **k),
    "MultiplicativeLR list": lambda s, o, **k: s.MultiplicativeLR(o, [Halving(), lambda n: 0.9], **k),
    "StepLR": lambda s, o, **k: s.StepLR(o, 3, gamma=0.5, **k),
    "MultiStepLR": lambda s, o, **k: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.5, **k),
    "ConstantLR": lambda s, o, **k: s.ConstantLR(o, 0.25, total_iters=4, **k),
    "LinearLR": lambda s, o, **k: s.LinearLR(o, 0.25, 0.8, total_iters=7, **k),
    "ExponentialLR": lambda s, o, **k: s.ExponentialLR(o, 0.9, **k),
    "PolynomialLR": lambda s, o, **k: s.PolynomialLR(o, total_iters=8, power=0.9, **k),
    "CosineAnnealingLR": lambda s, o, **k: s.CosineAnnealingLR(o, 10, eta_min=0.01, **k),
    "CosineAnnealingLR short": lambda s, o, **k: s.CosineAnnealingLR(o, 3, **k),
    "CosineAnnealingWarmRestarts": lambda s, o, **k: s.CosineAnnealingWarmRestarts(o, 4, **k),
    "CosineAnnealingWarmRestarts doubling": lambda s, o, **k: s.CosineAnnealingWarmRestarts(
        o, 3, T_mult=2, eta_min=0.01, **k
    ),
    "CyclicLR": lambda s, o, **k: s.CyclicLR(o, 0.01, 0.1, step_size_up=4, **k),
    "CyclicLR triangular2": lambda s, o, **k: s.CyclicLR(
        o, [0.01, 0.02], [0.1, 0.2], step_size_up=4, step_size_down=6, mode="triangular2", **k
    ),
    "CyclicLR exp_range": lambda s, o, **k: s.CyclicLR(o, 0.01, 0.1, step_size_up=4, mode="exp_range", gamma=0.9, **k),
    "CyclicLR scale_fn": lambda s, o, **k: s.CyclicLR(
        o, 0.01, 0.1, 4, scale_fn=lambda x: 0.9**x, scale_mode="iterations", **k
    ),
    "CyclicLR scale object": lambda s, o, **k: s.CyclicLR(o, 0.01, 0.1, 4, scale_fn=Amplitude(), **k),
    "CyclicLR momentum": lambda s, o, **k: s.CyclicLR(
        o, 0.01, 0.1, 4, base_momentum=[0.5, 0.6], max_momentum=[0.8, 0.9], **k
    ),
    "CyclicLR no momentum": lambda s, o, **k: s.CyclicLR(o, 0.01, 0.1, 4, cycle_momentum=False, **k),
    "OneCycleLR": lambda s, o, **k: s.OneCycleLR(o, 0.5, total_steps=40, **k),
    "OneCycleLR linear": lambda s, o, **k: s.OneCycleLR(
        o, [0.5, 0.1], epochs=4, steps_per_epoch=10, anneal_strategy="linear", **k
    ),
    "OneCycleLR three phases": lambda s, o, **k: s.OneCycleLR(
        o, 0.5, 40, three_phase=True, pct_start=0.25, div_factor=10, **k
    ),
    "OneCycleLR no momentum": lambda s, o, **k: s.OneCycleLR(o, 0.5, total_steps=40, cycle_momentum=False, **k),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, total_iters=3), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], milestones=[3, 9]
    ),
    "SequentialLR from zero": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.5), s.ExponentialLR(o, 0.9)], milestones=[0]
    ),
    "SequentialLR of restarts": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingWarmRestarts(o, 5)], milestones=[5]
    ),
    "SequentialLR nested": lambda s, o: s.SequentialLR(
        o, [s.SequentialLR(o, [s.ConstantLR(o, 0.5), s.StepLR(o, 2)], [2]), s.CosineAnnealingLR(o, 8)], milestones=[6]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, total_iters=2), s.ExponentialLR(o, 0.9)]),
    "ChainedScheduler of sequences": lambda s, o: s.ChainedScheduler(
        [s.SequentialLR(o, [s.ConstantLR(o, 0.5), s.ExponentialLR(o, 0.9)], [4]), s.StepLR(o, 5)], optimizer=o
    ),
    "SequentialLR of chains": lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.ExponentialLR(o, 0.9), s.StepLR(o, 2, 0.5)]), s.PolynomialLR(o, 9)], milestones=[4]
    ),
}
SINGLE = [name for name in SCHEDULES if not name.startswith(("SequentialLR", "ChainedScheduler"))]
EVERY = pytest.mark.parametrize("name", SCHEDULES)


def made(library, name, kind="SGD", **options):
    lib, optim = library
    optimizer = optimizer_of(lib, optim, kind)
    return optimizer, SCHEDULES[name](optim.lr_scheduler, optimizer, **options)


def options_of(optimizer) -> list:
    return [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]


def rates(optimizer, scheduler, n) -> list:
    """All options of the groups, and what the schedule says of them, over n steps."""
    seen = []
    for _ in range(n):
        seen.append((options_of(optimizer), scheduler.get_last_lr()))
        optimizer.step()
        scheduler.step()
    return seen


def check_agree(a: list, b: list) -> None:
    assert len(a) == len(b)
    for (groups, last), (groups_, last_) in zip(a, b, strict=True):
        assert last == pytest.approx(last_, rel=1e-12)
        for group, group_ in zip(groups, groups_, strict=True):
            assert list(group) == list(group_)
            for key, value in group_.items():
                flat = value if value is None or isinstance(value, bool) else pytest.approx(value, rel=1e-12)
                assert group[key] == flat, key


@EVERY
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_thirty_five_steps(name):
    mine, theirs = (made(library, name) for library in LIBRARIES)
    check_agree(rates(*mine, 35), rates(*theirs, 35))


@pytest.mark.parametrize("name", ["CyclicLR", "CyclicLR momentum", "OneCycleLR", "OneCycleLR three phases"])
def test_first_beta_cycles(name):
    mine, theirs = (made(library, name, "Adam") for library in LIBRARIES)
    check_agree(rates(*mine, 12), rates(*theirs, 12))


@EVERY
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_state_dicts(name):
    (optimizer, scheduler), (optimizer_, scheduler_) = (made(library, name) for library in LIBRARIES)
    rates(optimizer, scheduler, 4), rates(optimizer_, scheduler_, 4)
    mine, theirs = scheduler.state_dict(), scheduler_.state_dict()
    assert sorted(mine) == sorted(theirs)
    assert {k: type(v) for k, v in mine.items()} == {k: type(v) for k, v in theirs.items()}
    fresh_optimizer, fresh = made(LIBRARIES[0], name)
    given = copy.deepcopy(theirs)
    fresh.load_state_dict(given)
    assert sorted(given) == sorted(theirs)  # a state dict is not eaten by loading it
    fresh_optimizer.load_state_dict(optimizer.state_dict())
    check_agree(rates(fresh_optimizer, fresh, 12), rates(optimizer_, scheduler_, 12))


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_resuming_from_an_epoch(name):
    seen = []
    for library in LIBRARIES:
        optimizer, scheduler = made(library, name)
        rates(optimizer, scheduler, 5)
        seen.append(rates(optimizer, SCHEDULES[name](library[1].lr_scheduler, optimizer, last_epoch=4), 12))
    check_agree(*seen)


@pytest.mark.parametrize("name", SINGLE)
def test_resuming_needs_initial_rates(name):
    for lib, optim in LIBRARIES:
        with pytest.raises(KeyError, match="param 'initial_lr' is not specified"):
            SCHEDULES[name](optim.lr_scheduler, optimizer_of(lib, optim), last_epoch=3)


@pytest.mark.parametrize("name", SINGLE)
def test_epochs_given(name):
    seen = []
    for library in LIBRARIES:
        optimizer, scheduler = made(library, name)
        optimizer.step()
        answers = []
        for epoch in (3, 7, 7, 1, 12):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                scheduler.step(epoch)
            answers.append((options_of(optimizer), scheduler.get_last_lr()))
            answers[-1][1].append(len(caught))
        seen.append(answers)
    check_agree(*seen)


def test_fractional_epochs_of_warm_restarts():
    seen = []
    for library in LIBRARIES:
        optimizer, scheduler = made(library, "CosineAnnealingWarmRestarts doubling")
        answers = []
        for i in range(40):
            scheduler.step(i * 0.37)
            answers.append((options_of(optimizer), scheduler.get_last_lr()))
        with pytest.raises(ValueError, match="Expected non-negative epoch, but got -1"):
            scheduler.step(-1)
        seen.append(answers)
    check_agree(*seen)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("extra", [{}, {"cooldown": 2, "min_lr": [0.1, 0.001]}, {"min_lr": 0.02, "eps": 1e-2}], ids=str)
def test_plateau(mode, threshold_mode, extra):
    metrics = [1.0, 0.9, 0.95, 0.9, 0.9, 0.9, 0.85, 0.8999, 0.9, 0.9, 0.9, 1.1, 1.2, 1.2, 1.2, 1.2, 1.2, 0.1] * 2
    seen, states = [], []
    for lib, optim in LIBRARIES:
        optimizer = optimizer_of(lib, optim)
        options = {
            "mode": mode,
            "factor": 0.5,
            "patience": 2,
            "threshold": 0.01,
            "threshold_mode": threshold_mode,
            **extra,
        }
        scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        answers = []
        for i, metric in enumerate(metrics):
            optimizer.step()
            scheduler.step(lib.tensor(metric) if i % 2 else metric)
            answers.append((options_of(optimizer), scheduler.get_last_lr()))
            if i == 9:
                state = copy.deepcopy(scheduler.state_dict())
                scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=77)
                scheduler.load_state_dict(state)
        seen.append(answers)
        states.append(scheduler.state_dict())
    check_agree(*seen)
    assert list(states[0]) == list(states[1]) and states[0] == states[1]


def test_plateau_after_groups_were_added():
    for lib, optim in LIBRARIES:
        optimizer = optimizer_of(lib, optim)
        scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        optimizer.add_param_group({"params": [lib.zeros(1)], "lr": 2.0})
        scheduler.step(1.0), scheduler.step(1.0)
        assert [g["lr"] for g in optimizer.param_groups] == [0.25, 0.025, 1.0]
        strict = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0, 0, 0])
        optimizer.add_param_group({"params": [lib.zeros(1)]})
        strict.step(1.0)
        with pytest.raises(RuntimeError, match="The number of param groups in the `optimizer` "):
            strict.step(1.0)


@pytest.mark.parametrize(
    "name", ["StepLR", "ExponentialLR", "LinearLR", "CosineAnnealingLR", "LambdaLR", "CyclicLR", "SequentialLR"]
)
def test_rates_that_are_tensors(name):
    seen = []
    for lib, optim in LIBRARIES:
        rate = lib.tensor(0.5)
        optimizer = optim.SGD([lib.zeros(1)], lr=rate, momentum=0.9)
        scheduler = SCHEDULES[name](optim.lr_scheduler, optimizer)
        values = []
        for _ in range(12):
            optimizer.step(), scheduler.step()
            assert optimizer.param_groups[0]["lr"] is rate
            values.append(rate.item())
        first, last = optimizer.param_groups[0]["initial_lr"], scheduler.get_last_lr()[0]
        assert isinstance(first, lib.Tensor) and first is not rate and last is not rate
        seen.append(values)
    assert seen[0] == pytest.approx(seen[1], rel=1e-6)


def warned(scenario) -> list:
    counts = []
    for lib, optim in LIBRARIES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scenario(lib, optim)
        counts.append([(w.category, str(w.message)[:60]) for w in caught])
    return counts


def step_first(lib, optim):
    scheduler = optim.lr_scheduler.StepLR(optimizer_of(lib, optim), 2)
    scheduler.step()
    scheduler.step()


def step_replaced(lib, optim):
    optimizer = optimizer_of(lib, optim)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step = lambda: None
    scheduler.step()


def in_order(lib, optim):
    optimizer = optimizer_of(lib, optim)
    schedulers = [optim.lr_scheduler.StepLR(optimizer, 2), optim.lr_scheduler.ExponentialLR(optimizer, 0.9)]
    for _ in range(3):
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def epoch_given(lib, optim):
    optimizer = optimizer_of(lib, optim)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    scheduler.step(3)


def get_lr_called(lib, optim):
    optim.lr_scheduler.ExponentialLR(optimizer_of(lib, optim), 0.5).get_lr()


@pytest.mark.parametrize("scenario", [step_first, step_replaced, in_order, epoch_given, get_lr_called])
def test_warnings(scenario):
    mine, theirs = warned(scenario)
    assert mine == theirs


ERRORS = {
    "no optimizer": lambda s, o: s.StepLR(3, 1),
    "no optimizer for plateau": lambda s, o: s.ReduceLROnPlateau(3),
    "lambdas": lambda s, o: s.LambdaLR(o, [abs]),
    "factors": lambda s, o: s.MultiplicativeLR(o, [abs]),
    "no function": lambda s, o: s.MultiplicativeLR(o, 3),
    "constant": lambda s, o: s.ConstantLR(o, 1.5),
    "linear start": lambda s, o: s.LinearLR(o, 0),
    "linear end": lambda s, o: s.LinearLR(o, 0.5, 2.0),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=0.5),
    "eta_min": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, eta_min="0"),
    "factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "mode": lambda s, o: s.ReduceLROnPlateau(o, mode="best"),
    "threshold_mode": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="x"),
    "min_lr": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1]),
    "cyclic mode": lambda s, o: s.CyclicLR(o, 0.1, 1, mode="x"),
    "base_lr": lambda s, o: s.CyclicLR(o, [0.1], 1),
    "total_steps": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0),
    "neither": lambda s, o: s.OneCycleLR(o, 0.1, epochs=3),
    "epochs": lambda s, o: s.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=3),
    "steps_per_epoch": lambda s, o: s.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=0.5),
    "pct_start": lambda s, o: s.OneCycleLR(o, 0.1, 10, pct_start=2.0),
    "anneal_strategy": lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="x"),
    "max_lr": lambda s, o: s.OneCycleLR(o, [0.1], 10),
    "none to chain": lambda s, o: s.ChainedScheduler([]),
    "none in sequence": lambda s, o: s.SequentialLR(o, [], []),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]),
    "plateau in sequence": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o), s.StepLR(o, 1)], [3]),
    "plateau in chain": lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    "no scheduler": lambda s, o: s.SequentialLR(o, [3, s.StepLR(o, 1)], [3]),
    "get_lr": lambda s, o: s.LRScheduler(o),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case):
    found = []
    for lib, optim in LIBRARIES:
        with pytest.raises(Exception) as error:
            ERRORS[case](optim.lr_scheduler, optimizer_of(lib, optim))
        found.append((error.type, str(error.value)))
    assert found[0] == found[1]


def test_more_errors():
    for lib, optim in LIBRARIES:
        s = optim.lr_scheduler
        plain = optim.Adagrad([lib.zeros(1)])
        for make in (
            lambda s=s, plain=plain: s.CyclicLR(plain, 0.1, 1),
            lambda s=s, plain=plain: s.OneCycleLR(plain, 0.1, 10),
        ):
            with pytest.raises(
                ValueError, match="optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            ):
                make()
        one, other = optimizer_of(lib, optim), optimizer_of(lib, optim)
        for make in (
            lambda: s.SequentialLR(one, [s.StepLR(one, 1), s.StepLR(other, 1)], [2]),  # noqa: B023
            lambda: s.ChainedScheduler([s.StepLR(one, 1), s.StepLR(other, 1)]),  # noqa: B023
        ):
            with pytest.raises(
                ValueError, match="expects all schedulers to belong to the same optimizer, but got scheduler StepLR"
            ):
                make()
        scheduler = s.OneCycleLR(one, 0.1, total_steps=2)
        one.step()
        scheduler.step(), scheduler.step()
        with pytest.raises(ValueError, match="Tried to step 3 times. The specified number of total steps is 2"):
            scheduler.step()
        scheduler = s.LambdaLR(other, lambda n: 1.0)
        other.add_param_group({"params": [lib.zeros(1)]})
        other.step()
        with pytest.raises(ValueError, match="is shorter than argument"):
            scheduler.step()


def test_a_schedule_of_ones_own():
    class Third(ours.lr_scheduler._LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    optimizer = optimizer_of(flashlight, ours)
    scheduler = Third(optimizer)
    optimizer.step(), scheduler.step(), scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.5 / 3, 0.05 / 3])
    assert isinstance(scheduler, ours.lr_scheduler.LRScheduler)


def test_signatures_and_modules():
    for name in torch.optim.lr_scheduler.__all__:
        mine, theirs = getattr(ours.lr_scheduler, name), getattr(torch.optim.lr_scheduler, name)
        assert mine.__module__ == theirs.__module__.replace("torch", "flashlight", 1)
        a, b = (inspect.signature(cls.__init__).parameters for cls in (mine, theirs))
        assert [(p.name, p.kind, p.default) for p in a.values()] == [(p.name, p.kind, p.default) for p in b.values()], (
            name
        )


def test_optimizers_with_schedules_can_be_copied():
    optimizer, scheduler = made(LIBRARIES[0], "StepLR")
    optimizer.step(), scheduler.step()
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert other.param_groups[0]["initial_lr"] == 0.5
        other.step()
    state = pickle.loads(pickle.dumps(scheduler.state_dict()))
    assert state["last_epoch"] == 1
