"""Short-time Fourier transforms."""

from __future__ import annotations

import mlx.core as mx

from .._core import dtypes
from .._core.conversion import host_value
from .._core.table import composite
from .._core.tensor import Tensor, wrap
from .complex import view_as_real
from .fft import fft, ifft, irfft, rfft
from .joining import cat
from .rearrange import constant_pad_nd, flip

_KERNELS = {"reflect": "reflection_pad1d", "replicate": "replication_pad1d"}


def _padded(x: Tensor, width: int, mode: str) -> Tensor:
    """``x`` (B, L) with ``width`` more at both ends, made up as ``mode`` says."""
    if mode == "constant":
        return constant_pad_nd(x, (width, width))
    if x.dtype is dtypes.bool_ and mode in _KERNELS:
        raise NotImplementedError(f"\"{_KERNELS[mode]}\" not implemented for 'Bool'")
    if mode in ("reflect", "circular") and width >= x.shape[-1] + (mode == "circular"):
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({width}, {width}) at dimension 2 of input {[1, *x.shape]}"
        )
    n = x.shape[-1]
    if mode == "reflect":
        ends = flip(x[:, 1 : width + 1], (-1,)), flip(x[:, n - 1 - width : n - 1], (-1,))
    elif mode == "replicate":
        ends = x[:, :1].expand(-1, width), x[:, -1:].expand(-1, width)
    elif mode == "circular":
        ends = x[:, n - width :], x[:, :width]
    else:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return cat.public([ends[0], x, ends[1]], 1) if width else x


def _centred(window: Tensor, n_fft: int) -> Tensor:
    left = (n_fft - window.shape[0]) // 2
    return constant_pad_nd(window, (left, n_fft - window.shape[0] - left))


def _describe(name: str, x: Tensor, **arguments) -> str:
    shown = ", ".join(f"{k}={_shown(v)}" for k, v in arguments.items())
    return f"{name}({x.type()}{list(x.shape)}, {shown})"


def _shown(value) -> str:
    if isinstance(value, Tensor):
        return f"{value.type()}{{{list(value.shape)}}}"
    return str(int(value)) if isinstance(value, bool) else str(value)


def _check(x, where: str, n_fft: int, hop: int, length: int, window) -> None:
    if x.dtype.category < dtypes.FLOAT:
        raise RuntimeError(f"{where} : expected a tensor of floating point or complex values")
    if x.ndim > 2 or x.ndim < 1:
        raise RuntimeError(f"{where} : expected a 1D or 2D tensor")
    n = x.shape[-1]
    if not 0 < n_fft <= n:
        raise RuntimeError(f"{where} : expected 0 < n_fft < {n}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"{where} : expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{where} : expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and (window.ndim != 1 or window.shape[0] != length):
        raise RuntimeError(
            f"{where} : expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(window.shape)}"
        )


@composite(autocast="cpu fp32")
def stft(
    input, n_fft: int, hop_length=None, win_length=None, window=None, center: bool = True, pad_mode: str = "reflect",
    normalized: bool = False, onesided=None, return_complex=None, align_to_window=None,
):  # fmt: skip
    """The spectra of overlapping windows of a signal: (..., frequencies, windows)."""
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if align_to_window is not None and center:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    x = input
    if center:
        flat = x if x.ndim == 2 else x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)
        x = _padded(flat, n_fft // 2, pad_mode).reshape(*x.shape[:-1], -1)
    where = _describe(
        "stft", x, n_fft=n_fft, hop_length=hop, win_length=length, window=window, normalized=normalized,
        onesided=onesided, return_complex=return_complex, align_to_window=align_to_window,
    )  # fmt: skip
    is_complex = x.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    _check(x, where, n_fft, hop, length, window)
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if align_to_window:
        x = x[..., (n_fft - length) // 2 :]
    frames = x.unfold(-1, n_fft, hop)  # (..., T, n_fft)
    if window is not None:
        frames = frames.mul(_centred(window, n_fft))
    elif length < n_fft:
        frames = frames.mul(_centred(x.detach().new_ones(length), n_fft))
    norm = "ortho" if normalized else None
    half = not is_complex if onesided is None else onesided
    spectra = (rfft if half else fft)(frames, norm=norm).transpose(-1, -2)
    return spectra if return_complex else view_as_real(spectra)


def _overlapped(frames: Tensor, hop: int) -> Tensor:
    """The sum of frames (B, T, n) laid ``hop`` apart."""
    count, n = frames.shape[1:]
    places = mx.arange(count)[:, None] * hop + mx.arange(n)
    total = frames.detach().new_zeros(frames.shape[0], n + hop * (count - 1))
    return total.index_add(1, wrap(places.reshape(-1).astype(mx.int64)), frames.flatten(1))


def _check_inverse(spectra: Tensor, where: str, n_fft: int, hop: int, length: int, window, half: bool) -> None:
    if not spectra.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if spectra.ndim not in (2, 3):
        if spectra.ndim < 2:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-spectra.ndim - 1}, {spectra.ndim}], but got -3)"
            )
        raise RuntimeError(f"{where} : expected a tensor with 3 or 4 dimensions, but got {spectra.ndim + 1}")
    if not spectra.numel():
        raise RuntimeError(f"{where} : input tensor cannot be empty.")
    rows, wanted = spectra.shape[-2], n_fft // 2 + 1 if half else n_fft
    if rows != wanted:
        formula = "n_fft / 2 + 1 when onesided=True" if half else "n_fft when onesided=False"
        raise RuntimeError(
            f"{where} : expected the frequency dimension (3rd to the last) of the input tensor to match {formula}, but "
            f"got {rows}"
        )
    if not 0 < hop <= length:
        raise RuntimeError(f"{where} : expected 0 < hop_length <= win_length")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{where} : expected 0 < win_length <= n_fft")
    if window is not None and (window.ndim != 1 or window.shape[0] != length):
        raise RuntimeError(f"{where} : Invalid window shape. window has to be 1D and length of `win_length`")


@composite
def istft(
    input, n_fft: int, hop_length=None, win_length=None, window=None, center: bool = True, normalized: bool = False,
    onesided=None, length=None, return_complex: bool = False,
):  # fmt: skip
    """The signal of the least squared difference to given spectra of overlapping windows.

    Raises: RuntimeError where the windows do not cover the signal.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    span = n_fft if win_length is None else win_length
    where = _describe(
        "istft", input, n_fft=n_fft, hop_length=hop, win_length=span, window=window, center=center,
        normalized=normalized, onesided=onesided, length=length, return_complex=return_complex,
    )  # fmt: skip
    half = input.ndim >= 2 and input.shape[-2] != n_fft if onesided is None else onesided
    _check_inverse(input, where, n_fft, hop, span, window, half)
    if half and (return_complex or (window is not None and window.is_complex())):
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    spectra = (input if input.ndim == 3 else input.unsqueeze(0)).transpose(-1, -2)  # (B, T, F)
    norm = "ortho" if normalized else None
    if return_complex:
        frames = ifft(spectra, norm=norm)
    else:
        frames = irfft(spectra if half else spectra[..., : n_fft // 2 + 1], n=n_fft, norm=norm)
    shape = window if window is not None else frames.detach().real.new_ones(span)
    shape = _centred(shape, n_fft) if shape.shape[0] != n_fft else shape
    total = _overlapped(frames.mul(shape), hop)
    envelope = _overlapped(shape.mul(shape).expand(1, frames.shape[1], n_fft), hop)
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else total.shape[-1] - start if center else total.shape[-1]
    total, envelope = total[:, start:stop], envelope[:, start:stop]
    smallest = envelope.detach().abs().min() if envelope.numel() else None
    if smallest is None or host_value(smallest).item() <= 1e-11:
        raise RuntimeError(f"{where} window overlap add min: 1\n[ CPUBoolType{{}} ]")
    signal = total.div(envelope)
    if length is not None and stop > start + signal.shape[-1]:
        signal = constant_pad_nd(signal, (0, length - signal.shape[-1]))
    return signal if input.ndim == 3 else signal.squeeze(0)
