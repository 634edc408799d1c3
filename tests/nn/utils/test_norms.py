"""Weight and spectral normalisation: hooks and parametrizations."""

from __future__ import annotations

import pytest

from ..same import check_same

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def told(lib, m, x, *names):
    """What a layer says, gives and how it learns."""
    out = [m(x) for _ in range(2)][-1]
    out.sum().backward()
    return [
        repr(m), out, {n: t.detach() for n, t in m.state_dict().items()}, [p.grad for p in m.parameters()],
        [getattr(m, n) for n in names],
    ]  # fmt: skip


LAYERS = {
    "linear": lambda lib: (lib.nn.Linear(3, 4), lib.arange(6.0).view(2, 3) / 5),
    "conv": lambda lib: (lib.nn.Conv2d(2, 3, 2), lib.arange(18.0).view(1, 2, 3, 3) / 9),
    "transposed": lambda lib: (lib.nn.ConvTranspose2d(2, 3, 2), lib.arange(18.0).view(1, 2, 3, 3) / 9),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(layer, dim):
    def hook(lib):
        m, x = LAYERS[layer](lib)
        return told(lib, lib.nn.utils.weight_norm(m, dim=dim), x, "weight_g", "weight_v")

    def parametrized(lib):
        m, x = LAYERS[layer](lib)
        return told(lib, lib.nn.utils.parametrizations.weight_norm(m, dim=dim), x, "weight")

    check_same(hook, **CLOSE)
    check_same(parametrized, **CLOSE)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_spectral_norm(layer, training):
    def hook(lib):
        m, x = LAYERS[layer](lib)
        return told(lib, lib.nn.utils.spectral_norm(m, n_power_iterations=2).train(training), x, "weight_u", "weight")

    def parametrized(lib):
        m, x = LAYERS[layer](lib)
        return told(lib, lib.nn.utils.parametrizations.spectral_norm(m).train(training), x, "weight")

    check_same(hook, **CLOSE)
    check_same(parametrized, **CLOSE)


def test_taking_them_off():
    def weight(lib):
        m = lib.nn.utils.weight_norm(lib.nn.Linear(3, 4))
        lib.nn.utils.remove_weight_norm(m)
        return [m.weight, list(m.state_dict()), len(m._forward_pre_hooks), type(m.weight).__name__]

    def spectral(lib):
        m = lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4))
        m(lib.ones(1, 3))
        lib.nn.utils.remove_spectral_norm(m)
        return [m.weight, sorted(m.state_dict()), len(m._forward_pre_hooks), len(m._state_dict_hooks)]

    check_same(weight, **CLOSE)
    check_same(spectral, **CLOSE)
    check_same(lambda lib: lib.nn.utils.remove_weight_norm(lib.nn.Linear(1, 1)))
    check_same(lambda lib: lib.nn.utils.remove_spectral_norm(lib.nn.Linear(1, 1)))


def test_twice():
    check_same(lambda lib: lib.nn.utils.weight_norm(lib.nn.utils.weight_norm(lib.nn.Linear(3, 4))))
    check_same(lambda lib: lib.nn.utils.spectral_norm(lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4))))
    check_same(lambda lib: lib.nn.utils.weight_norm(lib.nn.LazyLinear(3)))
    check_same(lambda lib: lib.nn.utils.spectral_norm(lib.nn.LazyLinear(3)))
    check_same(lambda lib: lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4), n_power_iterations=0))
    check_same(lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(3, 4), n_power_iterations=0))
    check_same(lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(3, 4), name="foo"))
    check_same(lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(3, 4), dim=5))
    check_same(lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(3, 4), name="bias").bias, **CLOSE)


def test_states():
    def spectral(lib):
        m = lib.nn.Sequential(lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4)))
        state = m.state_dict()
        return [{k: dict(v) for k, v in state._metadata.items()}, repr(m.load_state_dict(state))]

    def spectral_of_version_zero(lib):
        m = lib.nn.utils.spectral_norm(lib.nn.Linear(3, 3))
        state = m.state_dict()
        state["weight"] = state["weight_orig"] / 2.0
        del state["weight_v"], state._metadata[""]["spectral_norm"]
        m.load_state_dict(state)
        return m.weight_v

    def old_weight_norm_keys(lib):
        old = lib.nn.Sequential(lib.nn.utils.weight_norm(lib.nn.Linear(3, 4)))
        new = lib.nn.Sequential(lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(3, 4)))
        return [repr(new.load_state_dict(old.state_dict())), new[0].weight]

    check_same(spectral)
    check_same(spectral_of_version_zero, atol=1e-4)
    check_same(old_weight_norm_keys, **CLOSE)
