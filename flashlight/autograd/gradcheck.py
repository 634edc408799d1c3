"""Checks of gradients against finite differences."""

from __future__ import annotations

import numpy as np

from .._core.conversion import from_host, host_value, to_numpy
from .._core.modes import enable_grad, no_grad
from .._core.tape import run_grad
from .._core.tensor import Tensor, wrap


class GradcheckError(RuntimeError):
    """A gradient that differs from the finite difference."""


def _outputs(result) -> list:
    many = list(result) if isinstance(result, (tuple, list)) else [result]
    return [o for o in many if isinstance(o, Tensor) and o.requires_grad]


def _numerical(fn, inputs, index: int, count: int, eps: float) -> list:
    """For each output, the matrix of derivatives of its elements by the elements of one input."""
    t = inputs[index]
    base = to_numpy(host_value(t))
    columns: list = [[] for _ in range(count)]
    for step in [1.0] if base.dtype.kind != "c" else [1.0, 1j]:
        for position in np.ndindex(*base.shape):
            values = []
            for sign in (eps, -eps):
                moved = base.copy()
                moved[position] += sign * step
                with no_grad():
                    trial = [wrap(from_host(moved)) if i == index else x for i, x in enumerate(inputs)]
                    result = fn(*trial)
                many = list(result) if isinstance(result, (tuple, list)) else [result]
                many = [o for o in many if isinstance(o, Tensor) and (o.is_floating_point() or o.is_complex())]
                values.append(
                    [to_numpy(host_value(o)).astype(np.complex128 if o.is_complex() else np.float64) for o in many]
                )
            for k in range(count):
                columns[k].append(((values[0][k] - values[1][k]) / (2 * eps)).reshape(-1))
    return columns


def _analytical(output: Tensor, t: Tensor) -> list:
    """Rows of the Jacobian by backward, one element of the output (and of its imaginary part) at a time."""
    size = output.numel()
    rows = []
    for unit in [1.0] if not output.is_complex() else [1.0, 1j]:
        for i in range(size):
            seed = np.zeros(size, dtype=output.dtype.numpy)
            seed[i] = unit
            g = run_grad([output], [t], [wrap(from_host(seed.reshape(tuple(output.shape))))], True, False)[0]
            zero = np.zeros(tuple(t.shape), dtype=t.dtype.numpy)
            rows.append((zero if g is None else to_numpy(host_value(g))).reshape(-1))
    return rows


def _real(columns, rows, complex_out: bool, complex_in: bool):
    """Both Jacobians as real matrices: (output parts, input parts)."""
    numerical = np.stack(columns, axis=1) if columns else np.zeros((0, 0))
    if complex_out:
        numerical = np.concatenate([numerical.real, numerical.imag])
    analytical = np.stack(rows) if rows else np.zeros((0, 0))
    if complex_in:
        analytical = np.concatenate([analytical.real, analytical.imag], axis=1)
    return numerical.real, analytical.real


def gradcheck(
    func,
    inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of ``func(*inputs)`` with central finite differences, element by element, in float64.

    Args:
        nondet_tol: how far two backward passes may differ. fast_mode: accepted; the full comparison is made.

    Raises: GradcheckError where they differ (or return False without ``raise_exception``); NotImplementedError for the forward-mode
    and batched checks.
    """
    if check_forward_ad or check_batched_forward_grad or check_batched_grad or masked:
        raise NotImplementedError("gradcheck here checks dense backward-mode gradients; leave the other checks off")
    if not (check_backward_ad and isinstance(check_undefined_grad, bool) and isinstance(fast_mode, bool)):
        raise ValueError("nothing to check: check_backward_ad is False")
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    try:
        outputs = _outputs(func(*inputs))
        for i in checked:
            columns = _numerical(func, inputs, i, len(outputs), eps)
            for k, output in enumerate(outputs):
                rows = _analytical(output, inputs[i])
                if check_grad_dtypes and rows and rows[0].dtype != inputs[i].dtype.numpy:
                    raise GradcheckError(f"the gradient of input {i} is {rows[0].dtype}, the input {inputs[i].dtype!r}")
                if (
                    nondet_tol is not None
                    and rows
                    and np.abs(np.stack(rows) - np.stack(_analytical(output, inputs[i]))).max(initial=0) > nondet_tol
                ):
                    raise GradcheckError(
                        "Backward is not reentrant, i.e., running backward with same input gives different values"
                    )
                numerical, analytical = _real(columns[k], rows, output.is_complex(), inputs[i].is_complex())
                if not np.allclose(analytical, numerical, rtol=rtol, atol=atol, equal_nan=True):
                    raise GradcheckError(
                        f"Jacobian mismatch for output {k} with respect to input {i},\nnumerical:{numerical}\nanalytical:{analytical}\n"
                    )
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0
) -> bool:
    """Compare the second gradients of ``func(*inputs)`` with finite differences of the first."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outputs = _outputs(func(*inputs))
    if grad_outputs is None:
        rng = np.random.RandomState(0)
        grad_outputs = [
            wrap(from_host(rng.uniform(0.5, 1.5, tuple(o.shape)).astype(o.dtype.numpy))).requires_grad_()
            for o in outputs
        ]
    grad_outputs = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    checked = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    count = len(inputs)

    @enable_grad()
    def first(*args):
        xs = [
            x.detach().requires_grad_() if i in checked and not x.requires_grad else x
            for i, x in enumerate(args[:count])
        ]
        results = _outputs(func(*xs))
        grads = run_grad(results, [xs[i] for i in checked], list(args[count:]), True, True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(
        first,
        (*inputs, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )
