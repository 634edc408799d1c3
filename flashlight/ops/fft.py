"""Discrete Fourier transforms.

Every public function resizes its input, then runs one of three operators: complex to complex, real to complex, complex
to real. Their gradients are transforms again.
"""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes
from .._core.conversion import from_host
from .._core.creation_args import finish
from .._core.dispatch import deliver
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, wrap_dim
from .rearrange import constant_pad_nd, roll


def _transform(a, axes, forward: bool, scale: float):
    """The unnormalised transform of complex numbers, times ``scale``."""
    axes = list(axes)
    if forward:
        out = mx.fft.fftn(a, axes=axes)
    else:
        out = mx.fft.ifftn(a, axes=axes)
        scale *= math.prod(a.shape[d] for d in axes)
    return out if scale == 1 else out * scale


# -------------------------------------------------------------------------------------------------- the three operators
@op(namespace="_", name="fft_c2c", method=False, backward="FftC2C", autocast="cpu fp32")
def _c2c(input: Array, axes, forward, scale) -> Array:
    """The transform of complex numbers."""
    return _transform(input, axes, forward, scale)


@_c2c.vjp
def _(g, axes, forward, scale):
    return _transform(g, axes, not forward, scale)


@op(namespace="_", name="fft_r2c", method=False, backward="FftR2C", autocast="cpu fp32")
def _r2c(input: Array, axis, scale, onesided) -> Array:
    """The forward transform of real numbers, all of it or the half that says all."""
    out = (mx.fft.rfft if onesided else mx.fft.fft)(input, axis=axis)
    return out if scale == 1 else out * scale


@_r2c.vjp
def _(g, axis, scale, onesided, shapes):
    n = shapes[0][axis]
    if onesided:
        g = mx.pad(g, [(0, n - m if d == axis else 0) for d, m in enumerate(g.shape)])
    return mx.real(_transform(g, (axis,), False, scale))


@op(namespace="_", name="fft_c2r", method=False, backward="FftC2R", autocast="cpu fp32")
def _c2r(input: Array, axis, n, scale) -> Array:
    """The inverse transform of the half of a Hermitian spectrum, to ``n`` real numbers."""
    return mx.fft.irfft(input, n=n, axis=axis) * (scale * n)


@_c2r.vjp
def _(g, axis, n, scale):
    half = mx.fft.rfft(g, axis=axis) * scale
    # all but the first (and for even n the last) stand for two places of the full spectrum
    twice = np.ones(n // 2 + 1, dtype=np.float32)
    twice[1 : (n - 1) // 2 + 1] = 2
    return half * mx.array(twice.reshape([-1 if d == axis else 1 for d in range(g.ndim)]))


# ------------------------------------------------------------------------------------------------------------ arguments
def _scale(norm, n: int, forward: bool) -> float:
    if norm not in (None, "backward", "forward", "ortho"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if (norm == "forward") == forward else 1.0


def _floating(t: Tensor) -> Tensor:
    """``t`` in a dtype that can be transformed."""
    if t.dtype.category < dtypes.FLOAT:
        t = dispatch.cast(t, dtypes.get_default_dtype())
    if t.dtype in (dtypes.float16, dtypes.bfloat16):
        raise RuntimeError(f"Unsupported dtype {dtypes.scalar_type_name(t.dtype)}")
    if t.dtype is dtypes.float64:
        dtypes.to_mlx(dtypes.complex128)
    return t


def _complex(t: Tensor) -> Tensor:
    t = _floating(t)
    return t if t.is_complex() else dispatch.cast(t, dtypes.complex64)


def _real(name: str, t: Tensor, what: str = "a real input tensor") -> Tensor:
    if t.is_complex():
        raise RuntimeError(f"{name} expects {what}, but got {dtypes.scalar_type_name(t.dtype)}")
    return _floating(t)


def _axis(t: Tensor, dim: int) -> int:
    if t.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, t.ndim)


def _sized(t: Tensor, axes, lengths) -> Tensor:
    """Cut or filled up with zeros to the given lengths."""
    for n in lengths:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    missing = {d: n - t.shape[d] for d, n in zip(axes, lengths, strict=True) if n != t.shape[d]}
    if not missing:
        return t
    pad = [width for d in range(t.ndim - 1, -1, -1) for width in (0, missing.get(d, 0))]
    return constant_pad_nd(t, pad)


def _axes_and_lengths(t: Tensor, s, dim) -> tuple[list, list]:
    if dim is not None:
        dim = [wrap_dim(d, t.ndim) for d in ([dim] if isinstance(dim, int) else dim)]
        if len(set(dim)) != len(dim):
            raise RuntimeError("FFT dims must be unique")
    if s is not None:
        s = [s] if isinstance(s, int) else list(s)
    if s is not None and dim is not None and len(s) != len(dim):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    if s is not None and len(s) > t.ndim:
        raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {t.ndim} dimensions.")
    if dim is None:
        count = t.ndim if s is None else len(s)
        dim = range(t.ndim - count, t.ndim)
    axes = list(dim)
    lengths = [t.shape[d] for d in axes]
    if s is not None:
        lengths = [m if n == -1 else n for n, m in zip(s, lengths, strict=True)]
    return axes, lengths


# -------------------------------------------------------------------------------------------------------- one dimension
def _along(input: Tensor, n, dim, norm, forward: bool, out):
    dim = _axis(input, dim)
    n = input.shape[dim] if n is None else n
    scale = _scale(norm, max(n, 1), forward)
    if forward and not input.is_complex():
        t = _sized(_floating(input), [dim], [n])
        return deliver(dispatch.run(_r2c, (t,), (dim, scale, False)), out)
    t = _sized(_complex(input), [dim], [n])
    return deliver(dispatch.run(_c2c, (t,), ((dim,), forward, scale)), out)


@composite(namespace="fft", method=False, autocast="cpu fp32")
def fft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The discrete Fourier transform along a dimension."""
    return _along(input, n, dim, norm, True, out)


@composite(namespace="fft", method=False, autocast="cpu fp32")
def ifft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The inverse discrete Fourier transform along a dimension."""
    return _along(input, n, dim, norm, False, out)


def _halved(name: str, input: Tensor, n, dim, norm, forward: bool) -> Tensor:
    t = _real(name, input)
    dim = _axis(t, dim)
    n = t.shape[dim] if n is None else n
    t = _sized(t, [dim], [n])
    half = dispatch.run(_r2c, (t,), (dim, _scale(norm, n, forward), True))
    return half if forward else half.conj().resolve_conj()


@composite(namespace="fft", method=False, autocast="cpu fp32")
def rfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The transform of real numbers: the half of the spectrum that is not mirrored."""
    return deliver(_halved("rfft", input, n, dim, norm, True), out)


@composite(namespace="fft", method=False, autocast="cpu fp32")
def ihfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The inverse of ``hfft``: the half spectrum of real numbers, conjugated."""
    return deliver(_halved("ihfft", input, n, dim, norm, False), out)


def _to_real(input: Tensor, n, dim, norm, forward: bool) -> Tensor:
    t = _complex(input)
    dim = _axis(t, dim)
    n = 2 * (t.shape[dim] - 1) if n is None else n
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    t = _sized(t, [dim], [n // 2 + 1])
    t = t.conj().resolve_conj() if forward else t
    return dispatch.run(_c2r, (t,), (dim, n, _scale(norm, n, forward)))


@composite(namespace="fft", method=False, autocast="cpu fp32")
def irfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The inverse of ``rfft``: ``n`` real numbers (by default an even number) from half a spectrum."""
    return deliver(_to_real(input, n, dim, norm, False), out)


@composite(namespace="fft", method=False, autocast="cpu fp32")
def hfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The transform of a signal that is Hermitian, of which one half is given: ``n`` real numbers."""
    return deliver(_to_real(input, n, dim, norm, True), out)


# --------------------------------------------------------------------------------------------------- several dimensions
def _over(input: Tensor, s, dim, norm, forward: bool) -> Tensor:
    t = _complex(input)
    axes, lengths = _axes_and_lengths(t, s, dim)
    t = _sized(t, axes, lengths)
    if not axes:
        return t.clone()
    return dispatch.run(_c2c, (t,), (tuple(axes), forward, _scale(norm, math.prod(lengths), forward)))


@composite(namespace="fft", method=False, autocast="cpu fp32")
def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """The discrete Fourier transform over dimensions."""
    return deliver(_over(input, s, dim, norm, True), out)


@composite(namespace="fft", method=False, autocast="cpu fp32")
def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse discrete Fourier transform over dimensions."""
    return deliver(_over(input, s, dim, norm, False), out)


def _halved_over(name: str, input: Tensor, s, dim, norm, forward: bool) -> Tensor:
    t = _real(name, input, "a real-valued input tensor")
    axes, lengths = _axes_and_lengths(t, s, dim)
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")
    t = _sized(t, axes, lengths)
    half = dispatch.run(_r2c, (t,), (axes[-1], _scale(norm, math.prod(lengths), forward), True))
    half = half if forward else half.conj().resolve_conj()
    return half if len(axes) == 1 else dispatch.run(_c2c, (half,), (tuple(axes[:-1]), forward, 1.0))


@composite(namespace="fft", method=False, autocast="cpu fp32")
def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform of real numbers over dimensions: half of the spectrum in the last one."""
    return deliver(_halved_over("rfftn", input, s, dim, norm, True), out)


@composite(namespace="fft", method=False, autocast="cpu fp32")
def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of ``hfftn``."""
    if input.is_complex():
        kind = dtypes.scalar_type_name(input.dtype)
        raise RuntimeError(f"Only supports floating-point dtypes, but found: {kind}")
    return deliver(_halved_over("ihfftn", input, s, dim, norm, False), out)


def _to_real_over(name: str, input: Tensor, s, dim, norm, forward: bool) -> Tensor:
    t = _complex(input)
    axes, lengths = _axes_and_lengths(t, s, dim)
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")
    given = s is not None and (s if isinstance(s, int) else list(s)[-1]) != -1
    last = lengths[-1] if given else 2 * (t.shape[axes[-1]] - 1)
    if last < 1:
        raise RuntimeError(f"Invalid number of data points ({last}) specified")
    t = _sized(t, axes, [*lengths[:-1], last // 2 + 1])
    if len(axes) > 1:
        t = dispatch.run(_c2c, (t,), (tuple(axes[:-1]), forward, 1.0))
    t = t.conj().resolve_conj() if forward else t
    scale = _scale(norm, math.prod(lengths[:-1]) * last, forward)
    return dispatch.run(_c2r, (t,), (axes[-1], last, scale))


@composite(namespace="fft", method=False, autocast="cpu fp32")
def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of ``rfftn``."""
    return deliver(_to_real_over("irfftn", input, s, dim, norm, False), out)


@composite(namespace="fft", method=False, autocast="cpu fp32")
def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform over dimensions of a signal that is Hermitian in the last one: real numbers."""
    return deliver(_to_real_over("hfftn", input, s, dim, norm, True), out)


def _two_dimensional(over, name: str, sentence: str) -> None:
    def transform(input, s=None, dim=(-2, -1), norm=None, *, out=None):
        return over(input, s, dim, norm, out=out)

    transform.__name__, transform.__doc__ = name, sentence
    composite(transform, namespace="fft", method=False)


_two_dimensional(fftn, "fft2", "``fftn`` over the last two dimensions.")
_two_dimensional(ifftn, "ifft2", "``ifftn`` over the last two dimensions.")
_two_dimensional(rfftn, "rfft2", "``rfftn`` over the last two dimensions.")
_two_dimensional(irfftn, "irfft2", "``irfftn`` over the last two dimensions.")
_two_dimensional(hfftn, "hfft2", "``hfftn`` over the last two dimensions.")
_two_dimensional(ihfftn, "ihfft2", "``ihfftn`` over the last two dimensions.")


# ---------------------------------------------------------------------------------------------------------- frequencies
def _frequencies(name, numbers, n, d, out, dtype, layout, device, requires_grad):
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if dtype.category < dtypes.FLOAT:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    # one rounding in the dtype, as torch multiplies by 1 / (n d)
    values = from_host(numbers.astype(np.float64), dtype) * mx.array(1.0 / (n * d) if n else 1.0, dtypes.to_mlx(dtype))
    return deliver(finish(values, device, requires_grad, layout), out)


@composite(namespace="fft", method=False, differentiable=False)
def fftfreq(n: int, d: float = 1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad: bool = False):
    """The frequencies of the places of ``fft``'s result for ``n`` samples a distance ``d`` apart."""
    numbers = np.arange(n)
    numbers[(n + 1) // 2 :] -= n
    return _frequencies("fftfreq", numbers, n, d, out, dtype, layout, device, requires_grad)


@composite(namespace="fft", method=False, differentiable=False)
def rfftfreq(n: int, d: float = 1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad: bool = False):
    """The frequencies of the places of ``rfft``'s result for ``n`` samples a distance ``d`` apart."""
    return _frequencies("rfftfreq", np.arange(n // 2 + 1), n, d, out, dtype, layout, device, requires_grad)


def _shift(input: Tensor, dim, sign: int) -> Tensor:
    dims = range(input.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    dims = [wrap_dim(d, input.ndim) for d in dims]
    if not dims:
        return input.clone()
    shifts = [input.shape[d] // 2 if sign > 0 else (input.shape[d] + 1) // 2 for d in dims]
    return roll(input, shifts, dims)


@composite(namespace="fft", method=False)
def fftshift(input, dim=None):
    """The spectrum with frequency zero in the middle."""
    return _shift(input, dim, 1)


@composite(namespace="fft", method=False)
def ifftshift(input, dim=None):
    """The inverse of ``fftshift``."""
    return _shift(input, dim, -1)
