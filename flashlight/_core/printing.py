"""How a tensor prints: torch's layout of numbers, summaries and suffixes."""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from . import dtypes, tape
from .conversion import host_value, to_numpy
from .table import method
from .tensor import Tensor, read


class _Options:
    precision = 4
    threshold: float = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode: bool | None = None


options = _Options()
_PROFILES = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
) -> None:
    """Set how tensors print: digits, the size from which they are summarised, items kept at each edge, line width.

    Args:
        profile: "default", "short" or "full"; the other arguments are applied on top.
        sci_mode: True or False forces or forbids scientific notation, None decides by the values.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"unknown profile {profile!r}: use one of {sorted(_PROFILES)}")
        options.precision, options.threshold, options.edgeitems, options.linewidth = _PROFILES[profile]
    for name, value in (
        ("precision", precision),
        ("threshold", threshold),
        ("edgeitems", edgeitems),
        ("linewidth", linewidth),
    ):
        if value is not None:
            setattr(options, name, value)
    options.sci_mode = sci_mode


class _Formatter:
    """Formats the numbers of one tensor alike: all whole, all fixed-point or all scientific, in one width."""

    def __init__(self, values: np.ndarray):
        self.floating = values.dtype.kind == "f"
        self.whole, self.scientific, self.width = True, False, 1
        flat = values.reshape(-1)
        if not self.floating:
            self.width = max((len(str(v)) for v in flat.tolist()), default=1)
            return
        flat = flat.astype(np.float64)
        finite = flat[np.isfinite(flat) & (flat != 0)]
        if finite.size:
            low, high = np.abs(finite).min(), np.abs(finite).max()
            self.whole = bool((finite == np.ceil(finite)).all())
            spread = high / low > 1000.0 or high > 1.0e8
            self.scientific = bool(spread if self.whole else spread or low < 1.0e-4)
        if options.sci_mode is not None:
            self.scientific = options.sci_mode
        if finite.size:
            self.width = max(len(self.text(v)) for v in finite)

    def text(self, value) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{options.precision}f}"

    def __call__(self, value) -> str:
        return self.text(value).rjust(self.width)


class _ComplexFormatter:
    def __init__(self, values: np.ndarray):
        self.real, self.imag = _Formatter(values.real), _Formatter(values.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value) -> str:
        sign = "-" if math.copysign(1.0, value.imag) < 0 else "+"
        imag = self.imag(abs(value.imag)).lstrip()
        return self.real(value.real) + sign + imag + "j"


def _row(values: np.ndarray, indent: int, summary: bool, fmt) -> str:
    per_line = max(1, (options.linewidth - indent) // (fmt.width + 2))
    edge = options.edgeitems
    if summary and not edge:
        words = ["..."]
    elif summary and len(values) > 2 * edge:
        words = [*map(fmt, values[:edge].tolist()), " ...", *map(fmt, values[-edge:].tolist())]
    else:
        words = [fmt(v) for v in values.tolist()]
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _block(values: np.ndarray, indent: int, summary: bool, fmt) -> str:
    if values.ndim == 0:
        return fmt(values.item())
    if values.ndim == 1:
        return _row(values, indent, summary, fmt)
    edge = options.edgeitems
    if summary and len(values) > 2 * edge:
        parts = [_block(v, indent + 1, summary, fmt) for v in values[:edge]]
        parts.append("...")
        parts += [_block(v, indent + 1, summary, fmt) for v in values[len(values) - edge :]]
    else:
        parts = [_block(v, indent + 1, summary, fmt) for v in values]
    return "[" + ("," + "\n" * (values.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _edges(values: np.ndarray) -> np.ndarray:
    """The part of a large array that is shown, which alone decides the number format."""
    edge = options.edgeitems
    for axis, n in enumerate(values.shape):
        if n > 2 * edge:
            values = np.take(values, [*range(edge), *range(n - edge, n)], axis=axis)
    return values


def _values(t: Tensor, indent: int) -> str:
    a = host_value(t)
    values = to_numpy(a.astype(mx.float32) if a.dtype in (mx.float16, mx.bfloat16) else a)
    summary = values.size > options.threshold
    shown = _edges(values) if summary else values
    fmt = _ComplexFormatter(shown) if values.dtype.kind == "c" else _Formatter(shown)
    return _block(values, indent, summary, fmt)


def _suffixes(t: Tensor) -> list[str]:
    out = []
    shape, dtype = read(t).shape, t.dtype
    if t._device.type != "cpu":
        out.append(f"device='{t._device}'")
    if t.is_meta:
        out.append(f"size={tuple(shape)}")
        if dtype is not dtypes.get_default_dtype():
            out.append(f"dtype={dtype!r}")
    elif 0 in shape:
        if len(shape) != 1:
            out.append(f"size={tuple(shape)}")
        if dtype is not dtypes.get_default_dtype():
            out.append(f"dtype={dtype!r}")
    elif dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_, dtypes.complex64):
        out.append(f"dtype={dtype!r}")
    node = tape.node_of(t)
    if node is not None:
        out.append(f"grad_fn=<{node.name()}>")
    elif t._rg:
        out.append("requires_grad=True")
    return out


def tensor_repr(t: Tensor, prefix: str = "tensor(") -> str:
    """The text of a tensor."""
    indent = len(prefix)
    if t.is_meta:
        body = "..."
    elif 0 in read(t).shape:
        body = "[]"
    else:
        body = _values(t, indent)
    text = prefix + body
    last = len(text) - text.rfind("\n") - 1
    for suffix in _suffixes(t):
        if last + len(suffix) + 3 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            last = indent + len(suffix)
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"


@method
def __repr__(self, *, tensor_contents=None) -> str:
    if tensor_contents is not None:
        return f"tensor({tensor_contents})"
    return tensor_repr(self)
