"""autocast: nesting, islands, decorators, casts of gradients, torch's functions about it."""

from __future__ import annotations

import inspect
import threading
import warnings

import numpy as np
import pytest
import torch

import flashlight
from flashlight import amp
from flashlight.cuda import amp as cuda_amp

LIBRARIES = [flashlight, torch]


def dtypes_of(lib, scenario) -> list:
    return [str(d) for d in scenario(lib)]


def nested(lib):
    a = lib.ones(2, 2)
    seen = [(a @ a).dtype]
    with lib.autocast("cpu"):
        seen.append((a @ a).dtype)
        with lib.autocast("cpu", dtype=lib.float16):
            seen.append((a @ a).dtype)
            with lib.autocast("cpu", enabled=False):
                seen.append((a @ a).dtype)
            seen.append((a @ a).dtype)
        seen.append((a @ a).dtype)
    return [*seen, (a @ a).dtype]


def decorated(lib):
    a = lib.ones(2, 2)

    @lib.autocast("cpu", dtype=lib.bfloat16)
    def product():
        return [(a @ a).dtype]

    return [*product(), *product(), (a @ a).dtype]


def left_by_an_error(lib):
    a = lib.ones(2, 2)
    with pytest.raises(ZeroDivisionError), lib.autocast("cpu"):
        1 / 0
    return [(a @ a).dtype]


def in_place_and_out(lib):
    a, b = lib.ones(2, 2), lib.ones(2, 2)
    with lib.autocast("cpu"):
        return [a.clone().addmm_(a, b).dtype, a.clone().exp_().dtype, lib.mm(a, b).dtype]


def set_by_functions(lib):
    a = lib.ones(2, 2)
    lib.set_autocast_enabled("cpu", True)
    lib.set_autocast_dtype("cpu", lib.float16)
    seen = [(a @ a).dtype, lib.get_autocast_dtype("cpu")]
    lib.set_autocast_dtype("cpu", lib.bfloat16)
    seen.append((a @ a).dtype)
    lib.set_autocast_enabled("cpu", False)
    return [*seen, (a @ a).dtype]


def other_dtypes(lib):
    with lib.autocast("cpu"):
        return [
            (lib.ones(2, 2, dtype=lib.float64) @ lib.ones(2, 2, dtype=lib.float64)).dtype,
            (lib.ones(2, 2, dtype=lib.int64) @ lib.ones(2, 2, dtype=lib.int64)).dtype,
            (lib.ones(2, 2, dtype=lib.float16) @ lib.ones(2, 2)).dtype,
            (lib.ones(2, 2, dtype=lib.complex64) @ lib.ones(2, 2, dtype=lib.complex64)).dtype,
        ]


@pytest.mark.parametrize(
    "scenario",
    [nested, decorated, left_by_an_error, in_place_and_out, set_by_functions, other_dtypes],
    ids=lambda s: s.__name__,
)
def test_dtypes_are_torchs(scenario):
    mine, theirs = (dtypes_of(lib, scenario) for lib in LIBRARIES)
    assert mine == theirs


def test_gradients_come_back_in_the_original_dtype():
    grads = []
    for lib in LIBRARIES:
        w = lib.tensor([[0.5, -1.0], [2.0, 0.25]]).requires_grad_()
        x = lib.tensor([[1.0, 3.0]]).requires_grad_()
        with lib.autocast("cpu", dtype=lib.bfloat16):
            loss = lib.nn.functional.mse_loss(x @ w, lib.ones(1, 2))
        assert str(loss.dtype) == "torch.float32"
        loss.backward()
        assert str(w.grad.dtype) == str(x.grad.dtype) == "torch.float32"
        grads.append(np.concatenate([w.grad.numpy().ravel(), x.grad.numpy().ravel()]))
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-6)


def test_a_decorated_function_may_call_itself():
    a = flashlight.ones(2, 2)

    @amp.autocast("cpu")
    def product(n):
        return [(a @ a).dtype, *(product(n - 1) if n else [])]

    assert product(2) == [flashlight.bfloat16] * 3
    assert not flashlight.is_autocast_enabled("cpu")  # torch leaves it on


def test_second_gradients():
    grads = []
    for lib in LIBRARIES:
        w = lib.tensor([[0.5, -1.0], [2.0, 0.25]]).requires_grad_()
        with lib.autocast("cpu", dtype=lib.bfloat16):
            loss = ((w @ w).float() ** 2).sum()
        (g,) = lib.autograd.grad(loss, [w], create_graph=True)
        (again,) = lib.autograd.grad(g.sum(), [w])
        grads.append(again.numpy())
    np.testing.assert_allclose(grads[0], grads[1], rtol=2e-2)


def test_every_enabled_device_type_counts_and_the_last_decides():
    a = flashlight.ones(2, 2)
    with amp.autocast("cuda"):
        assert (a @ a).dtype is flashlight.float16
        with amp.autocast("cpu"):
            assert (a @ a).dtype is flashlight.bfloat16
            with amp.autocast("cuda", enabled=False):
                assert (a @ a).dtype is flashlight.bfloat16
            assert (a @ a).dtype is flashlight.bfloat16
        assert (a @ a).dtype is flashlight.float16
    with amp.autocast("mps", dtype=flashlight.bfloat16):
        assert (a.to("mps") @ a.to("mps")).dtype is flashlight.bfloat16
    assert flashlight._core.modes.modes.autocast is None


def test_threads_have_a_state_of_their_own():
    seen = []
    with amp.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append(flashlight.is_autocast_enabled("cpu")))
        thread.start()
        thread.join()
        assert flashlight.is_autocast_enabled("cpu")
    assert seen == [False]


def test_state_is_reported():
    for lib in LIBRARIES:
        assert not lib.is_autocast_enabled("cpu") and not lib.is_autocast_enabled()
        with lib.autocast("cpu", dtype=lib.float16, cache_enabled=False):
            assert lib.is_autocast_enabled("cpu") and not lib.is_autocast_enabled("mps")
            assert str(lib.get_autocast_dtype("cpu")) == "torch.float16"
            assert not lib.is_autocast_cache_enabled()
        assert str(lib.get_autocast_dtype("cpu")) == "torch.bfloat16"
        assert lib.is_autocast_cache_enabled()
        assert lib.autocast_increment_nesting() == 1 and lib.autocast_decrement_nesting() == 0
        assert lib.clear_autocast_cache() is None
        defaults = [str(lib.get_autocast_dtype(d)) for d in ("cpu", "cuda", "mps", "xpu", "hpu", "xla", "mtia")]
        assert defaults == ["torch.bfloat16", "torch.float16", "torch.float16", "torch.float16", "torch.bfloat16", "torch.bfloat16",
                            "torch.float16"]  # fmt: skip
        assert [lib.amp.is_autocast_available(d) for d in ("cpu", "mps", "meta")] == [True, True, False]


def test_older_functions_warn_and_agree():
    for lib in LIBRARIES:
        with pytest.warns(DeprecationWarning, match=r"torch.get_autocast_gpu_dtype\(\) is deprecated"):
            assert str(lib.get_autocast_gpu_dtype()) == "torch.float16"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lib.set_autocast_cpu_enabled(True)
            assert lib.is_autocast_cpu_enabled() and lib.is_autocast_enabled("cpu")
            lib.set_autocast_cpu_enabled(False)
            assert str(lib.get_autocast_cpu_dtype()) == "torch.bfloat16" and not lib.is_autocast_xla_enabled()


ERRORS = {
    "no string": lambda lib: lib.autocast(3),
    "no function": lambda lib: lib.autocast("cpu")(3),
    "meta": lambda lib: lib.autocast("meta"),
    "meta enabled": lambda lib: lib.is_autocast_enabled("meta"),
    "number": lambda lib: lib.is_autocast_enabled(3),
    "number dtype": lambda lib: lib.set_autocast_dtype("cpu", 3),
    "custom_fwd": lambda lib: lib.amp.custom_fwd(device_type=3),
    "custom_bwd": lambda lib: lib.amp.custom_bwd(device_type=3),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case):
    found = []
    for lib in LIBRARIES:
        with pytest.raises(Exception) as error:
            ERRORS[case](lib)
        found.append((error.type, str(error.value)))
    assert found[0] == found[1]


def test_unknown_device_type():
    for lib in LIBRARIES:
        with pytest.raises(RuntimeError, match="device type at start of device string: foo"):
            lib.autocast("foo")


def test_a_dtype_that_is_no_half_turns_it_off():
    for lib in LIBRARIES:
        with pytest.warns(
            UserWarning, match="In CPU autocast, but the target dtype is not supported. Disabling autocast."
        ):
            context = lib.autocast("cpu", dtype=lib.float32)
        with context:
            assert not lib.is_autocast_enabled("cpu")


def test_signatures():
    for name in ("autocast", "GradScaler", "custom_fwd", "custom_bwd", "is_autocast_available"):
        mine, theirs = getattr(amp, name), getattr(torch.amp, name)
        a, b = inspect.signature(mine).parameters, inspect.signature(theirs).parameters
        assert [(p.name, p.default if p.name != "dtype" else None) for p in a.values()] == [
            (p.name, p.default if p.name != "dtype" else None) for p in b.values()
        ], name
        assert mine.__module__ == theirs.__module__.replace("torch", "flashlight", 1)


# ------------------------------------------------------------------------------------------------------------ custom functions
def product(lib, **options):
    """An autograd Function that notes the dtypes it sees."""
    seen = []

    class Product(lib.autograd.Function):
        @staticmethod
        @lib.amp.custom_fwd(device_type="cpu", **options)
        def forward(ctx, a, b, extra):
            ctx.save_for_backward(a, b)
            out = a @ b
            seen.append(
                ("forward", str(a.dtype), str(out.dtype), str(extra["c"][0].dtype), lib.is_autocast_enabled("cpu"))
            )
            return out

        @staticmethod
        @lib.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            out = grad @ b.t()
            seen.append(("backward", str(grad.dtype), str(out.dtype), lib.is_autocast_enabled("cpu")))
            return out.to(a.dtype), (a.t() @ grad).to(b.dtype), None

    return Product, seen


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("cast", [None, "float32", "float16"])
def test_custom_functions(inside, cast):
    logs = []
    for lib in LIBRARIES:
        fn, seen = product(lib, **({} if cast is None else {"cast_inputs": getattr(lib, cast)}))
        a = lib.ones(2, 2).requires_grad_()
        b = lib.ones(2, 2, dtype=lib.bfloat16 if inside else lib.float32).requires_grad_()
        with lib.autocast("cpu", dtype=lib.bfloat16, enabled=inside):
            out = fn.apply(a, b, {"c": [lib.ones(1, dtype=lib.float64)]})
        out.float().sum().backward()
        logs.append([*seen, str(a.grad.dtype), str(b.grad.dtype)])
    assert logs[0] == logs[1]


# ----------------------------------------------------------------------------------------------------------------- torch.cuda.amp
def test_older_names():
    a = flashlight.ones(2, 2)
    with pytest.warns(FutureWarning, match=r"`torch.cuda.amp.autocast\(args...\)` is deprecated"):
        context = cuda_amp.autocast(dtype=flashlight.bfloat16)
    assert isinstance(context, amp.autocast)
    with context:
        assert (a @ a).dtype is flashlight.bfloat16
    with pytest.warns(FutureWarning, match="GradScaler"):
        scaler = cuda_amp.GradScaler(init_scale=4.0)
    assert scaler.scale(a).tolist() == [[4.0, 4.0]] * 2
    with pytest.warns(FutureWarning, match="custom_fwd"):

        class Twice(flashlight.autograd.Function):
            @staticmethod
            @cuda_amp.custom_fwd(cast_inputs=flashlight.float16)
            def forward(ctx, x):
                return x * 2

            @staticmethod
            @cuda_amp.custom_bwd
            def backward(ctx, grad):
                return grad * 2

    with amp.autocast("cuda"):
        assert Twice.apply(a).dtype is flashlight.float16
    assert not cuda_amp.amp_definitely_not_available()
    from flashlight.cuda.amp import autocast_mode, grad_scaler

    assert autocast_mode.autocast is cuda_amp.autocast and grad_scaler.GradScaler is cuda_amp.GradScaler


def test_older_names_of_the_cpu():
    a = flashlight.ones(2, 2)
    for lib in (flashlight, torch):
        with pytest.warns(FutureWarning, match=r"`torch.cpu.amp.autocast\(args...\)` is deprecated"):
            context = lib.cpu.amp.autocast()
        with context:
            assert str((lib.ones(2, 2) @ lib.ones(2, 2)).dtype) == "torch.bfloat16"
    with pytest.warns(FutureWarning, match="torch.cpu.amp.GradScaler"):
        scaler = flashlight.cpu.amp.GradScaler(init_scale=4.0)
    assert scaler.scale(a).tolist() == [[4.0, 4.0]] * 2
    # plain attribute access needs no import of its own
    assert flashlight.cuda.amp is cuda_amp
