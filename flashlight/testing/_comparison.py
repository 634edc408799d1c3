"""``assert_close``: equality of values up to a tolerance, and of everything else."""

from __future__ import annotations

import collections.abc
import numbers
import warnings

import numpy as np

from .._core import dtypes
from .._core.conversion import host_value, infer, to_numpy
from .._core.tensor import Tensor, read, wrap

_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
}


def default_tolerances(*inputs) -> tuple[float, float]:
    """(rtol, atol) for tensors or dtypes: the loosest of them."""
    pairs = [_TOLERANCES.get(i if isinstance(i, dtypes.dtype) else i.dtype, (0.0, 0.0)) for i in inputs]
    return max(p[0] for p in pairs), max(p[1] for p in pairs)


def _tensor(value) -> Tensor:
    return value if isinstance(value, Tensor) else wrap(infer(value, None))


def _values(t: Tensor) -> np.ndarray:
    values = to_numpy(host_value(t))
    return values.astype(
        np.complex128 if values.dtype.kind == "c" else np.float64 if values.dtype.kind == "f" else values.dtype
    )


def _compare(actual: Tensor, expected: Tensor, options: dict, where: str) -> None:
    checks = [
        ("shape", True, actual.shape, expected.shape),
        ("device", options["check_device"], actual.device, expected.device),
        ("dtype", options["check_dtype"], actual.dtype, expected.dtype),
        ("stride()", options["check_stride"], actual.stride(), expected.stride()),
    ]
    for name, wanted, a, b in checks:
        if wanted and a != b:
            raise AssertionError(
                _message(f"The values for attribute '{name}' do not match: {a} != {b}.", options, where)
            )
    rtol, atol = options["rtol"], options["atol"]
    if rtol is None:
        rtol, atol = default_tolerances(actual, expected)
    if 0 in read(actual).shape:
        return
    a, b = _values(actual), _values(expected)
    with np.errstate(invalid="ignore", over="ignore"):
        close = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=options["equal_nan"])
    if close.all():
        return
    raise AssertionError(_message(_difference(a, b, close, rtol, atol), options, where))


def _difference(a: np.ndarray, b: np.ndarray, close: np.ndarray, rtol: float, atol: float) -> str:
    if a.ndim == 0:
        gap = abs(a - b)
        relative = gap / abs(b) if b != 0 else np.inf
        return (
            f"Scalars are not close!\n\nExpected {b.item()} but got {a.item()}.\nAbsolute difference: {gap} (up to {atol} allowed)\n"
            f"Relative difference: {relative} (up to {rtol} allowed)"
        )
    wrong = int((~close).sum())
    with np.errstate(all="ignore"):
        gap = np.where(close, 0, np.abs(a.astype(np.complex128) - b))
        relative = np.where(close, 0, gap / np.abs(b))
    worst, worst_relative = (np.unravel_index(np.nanargmax(x), x.shape) for x in (gap, relative))
    exact = rtol == 0 and atol == 0
    head = "Tensor-likes are not equal!" if exact else "Tensor-likes are not close!"
    return (
        f"{head}\n\nMismatched elements: {wrong} / {a.size} ({100 * wrong / a.size:.1f}%)\n"
        f"Greatest absolute difference: {gap[worst]} at index {tuple(map(int, worst))}" + ("" if exact else f" (up to {atol} allowed)")
        + f"\nGreatest relative difference: {relative[worst_relative]} at index {tuple(map(int, worst_relative))}"
        + ("" if exact else f" (up to {rtol} allowed)")
    )  # fmt: skip


def _message(text: str, options: dict, where: str) -> str:
    if where:
        text += f"\n\nThe failure occurred for item {where}"
    msg = options["msg"]
    return text if msg is None else msg(text) if callable(msg) else msg


def _walk(actual, expected, options: dict, where: str) -> None:
    if isinstance(expected, collections.abc.Mapping) and isinstance(actual, collections.abc.Mapping):
        if set(actual) != set(expected):
            raise AssertionError(
                _message(
                    f"The keys of the mappings do not match:\n{sorted(map(str, set(actual) ^ set(expected)))}",
                    options,
                    where,
                )
            )
        for key in expected:
            _walk(actual[key], expected[key], options, f"{where}[{key!r}]")
        return
    plain = (str, bytes, Tensor, np.ndarray)
    if (
        isinstance(expected, collections.abc.Sequence)
        and isinstance(actual, collections.abc.Sequence)
        and not isinstance(expected, plain)
    ):
        if len(actual) != len(expected):
            raise AssertionError(
                _message(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", options, where)
            )
        for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
            _walk(a, b, options, f"{where}[{i}]")
        return
    if actual is None or expected is None:
        if options["allow_none"] and actual is expected:
            return
        raise AssertionError(_message(f"Expected {expected!r}, got {actual!r}", options, where))
    if isinstance(expected, numbers.Number) and isinstance(actual, numbers.Number):
        options = options | {"check_dtype": False}
        rtol, atol = options["rtol"], options["atol"]
        if rtol is None:
            inexact = any(isinstance(v, (float, complex)) for v in (actual, expected))
            rtol, atol = _TOLERANCES[dtypes.float64] if inexact else (0.0, 0.0)
        a, b = np.asarray(actual), np.asarray(expected)
        if not np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=options["equal_nan"]):
            raise AssertionError(_message(_difference(a, b, np.asarray(False), rtol, atol), options, where))
        return
    if not options["allow_subclasses"] and type(actual) is not type(expected):
        raise TypeError(f"the types do not match: {type(actual)} and {type(expected)}")
    _compare(_tensor(actual), _tensor(expected), options, where)


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg=None,
) -> None:
    """Assert that tensors, numbers or nestings of them are close: ``|actual - expected| <= atol + rtol * |expected|``.

    Raises: AssertionError that says where and by how much they differ, ValueError if only one tolerance is given.
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            f"rtol and atol must both be specified or both be unspecified, but got no {'rtol' if rtol is None else 'atol'}."
        )
    if not isinstance(check_layout, bool):
        raise TypeError("check_layout must be bool (all tensors here are strided)")
    options = {
        "allow_subclasses": allow_subclasses, "rtol": rtol, "atol": atol, "equal_nan": equal_nan, "check_device": check_device,
        "check_dtype": check_dtype, "check_stride": check_stride, "msg": msg, "allow_none": True,
    }  # fmt: skip
    _walk(actual, expected, options, "")


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan: bool = True, msg: str = "") -> None:
    """``assert_close`` as it was before it looked at dtypes, with looser tolerances."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead. "
        "You can find detailed upgrade instructions in https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    actual, expected = _tensor(actual), _tensor(expected)
    if rtol is None and atol is None:
        pairs = [_OLD_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = (max(column) for column in zip(*pairs, strict=True))
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True, check_dtype=False,
        check_stride=False, msg=msg or None,
    )  # fmt: skip


_OLD_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-3),
    dtypes.float32: (1e-4, 1e-5),
    dtypes.float64: (1e-5, 1e-8),
}
