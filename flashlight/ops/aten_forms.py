"""Functions torch has below its public ones: batch norms that return their statistics, halves of softmax, masked indexing.

They are reached as ``torch._name`` where torch has that, and all as ``torch.ops.aten.name``.
"""

from __future__ import annotations

import functools
import math

import mlx.core as mx

from .._core import checks, dtypes
from .._core.dispatch import deliver
from .._core.table import Array, composite, namespaces, op
from .._core.tensor import Tensor, read, wrap, wrap_dim
from .interpolate import _interpolated
from .kinds import not_implemented
from .norm import _batch_norm, _batch_norm_by, _track, check_batch_norm, check_sizes
from .pool import grid
from .scatter import add_along, along

_in_torch = functools.partial(composite, namespace=("torch", "aten"), method=False)
_in_aten = functools.partial(composite, namespace="aten", method=False)


# ------------------------------------------------------------------------------------------------------- normalisation
def _normalised(input, weight, bias, running_mean, running_var, training, momentum, eps) -> tuple:
    """(output, mean, 1 / standard deviation); nothing for the last two in evaluation."""
    a = read(input)
    wrap_dim(1, a.ndim)
    if training and not a.size:
        raise RuntimeError(f"input tensor must have at least one element, but got input_sizes = {list(a.shape)}")
    given = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    arrays = {name: None if t is None else read(t) for name, t in given.items()}
    check_batch_norm(a, *arrays.values())
    check_sizes(a.shape[1], **arrays)
    kept = next((x.dtype for x in arrays.values() if x is not None), None)
    kept = dtypes.from_mlx(kept or a.dtype)
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("running_mean and running_var must be given when training is false")
        out = _batch_norm_by.public(input, weight, bias, arrays["running_mean"], arrays["running_var"], eps)
        return out, input.new_empty(0, dtype=kept), input.new_empty(0, dtype=kept)
    out, mean, var = _batch_norm.public(input, weight, bias, eps)
    _track(running_mean, running_var, mean, var, math.prod(a.shape) // max(a.shape[1], 1), momentum)
    return out, mean.to(kept), (var + eps).rsqrt().to(kept)


@_in_torch
def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, *, out=None):
    """Batch norm; also the batch's mean and the reciprocal of its standard deviation, when training."""
    return deliver(_normalised(input, weight, bias, running_mean, running_var, training, momentum, eps), out)


@_in_torch
def _native_batch_norm_legit(input, weight, bias, *rest, out=None):
    """``native_batch_norm``, its running statistics both given or both left out."""
    if len(rest) not in (3, 5):
        raise TypeError(f"_native_batch_norm_legit(): takes 6 or 8 positional arguments ({3 + len(rest)} given)")
    running = rest[:-3] or (None, None)
    for i, (name, t) in enumerate(zip(("running_mean", "running_var"), rest[:-3], strict=False)):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"_native_batch_norm_legit(): argument '{name}' (position {i + 4}) must be Tensor, not {type(t).__name__}"
            )
    return deliver(_normalised(input, weight, bias, *running, *rest[-3:]), out)


@_in_torch
def _batch_norm_with_update(input, weight, bias, running_mean, running_var, momentum, eps):
    """``native_batch_norm`` in training, and the (empty) memory another device's kernel would reserve."""
    for i, (name, t) in enumerate((("running_mean", running_mean), ("running_var", running_var))):
        if t is None:
            raise RuntimeError(
                f"Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #{i + 3} '{name}'"
            )
    results = _normalised(input, weight, bias, running_mean, running_var, True, momentum, eps)
    return *results, input.new_empty(0, dtype=dtypes.uint8)


# ------------------------------------------------------------------------------------------------------------- softmax
def _wide(x):
    """Half precision is summed in single precision."""
    return x.float() if x.element_size() == 2 else x


def _check_softmax(name: str, g, y, dim: int) -> None:
    """Raise unless a gradient and an output are floats of one dtype."""
    axis = wrap_dim(dim, g.ndim)
    if g.numel() and g.dtype.category != dtypes.FLOAT:
        last = "_lastdim" if axis == max(g.ndim, 1) - 1 else ""
        raise not_implemented(f"{name}_backward{last}_kernel_impl", read(g))
    if g.numel() and g.dtype is not y.dtype:
        have, found = (dtypes.scalar_type_name(t.dtype) for t in (g, y))
        raise RuntimeError(f"expected scalar type {have} but found {found}")


@_in_torch
def _softmax_backward_data(grad_output, output, dim, input_dtype, *, grad_input=None):
    """The gradient of softmax's input, from those of its output."""
    if grad_output.shape != output.shape:
        raise RuntimeError(
            "Expected tensor for argument #1 'grad' to have same size as tensor for argument #2 'output'; but "
            f"{list(grad_output.shape)} does not equal {list(output.shape)} (while checking arguments for softmax_backward)"
        )
    _check_softmax("softmax", grad_output, output, dim)
    g, y = _wide(grad_output), _wide(output)
    return deliver(((g - (g * y).sum(dim, keepdim=True)) * y).to(input_dtype), grad_input)


@_in_torch
def _log_softmax_backward_data(grad_output, output, dim, input_dtype, *, out=None):
    """The gradient of log_softmax's input, from those of its output."""
    if grad_output.shape != output.shape:
        raise RuntimeError(f"grad has shape {list(grad_output.shape)}, but output {list(output.shape)}")
    _check_softmax("log_softmax", grad_output, output, dim)
    g, y = _wide(grad_output), _wide(output)
    return deliver((g - y.exp() * g.sum(dim, keepdim=True)).to(input_dtype), out)


@_in_torch
def _safe_softmax(self, dim, dtype=None):
    """Softmax whose rows of nothing but -inf are 0 instead of nan."""
    nothing = (self == -math.inf).all(dim, keepdim=True)
    # such rows are replaced before too: their gradient would be nan
    return self.masked_fill(nothing, 0).softmax(dim, dtype=dtype).masked_fill(nothing, 0)


# ------------------------------------------------------------------------------------------------------------- dropout
@_in_aten
def native_dropout_backward(grad_output, mask, scale, *, out=None):
    """The gradient of dropout's input."""
    factor = mask.to(grad_output.dtype) if mask.dtype is dtypes.bool_ else mask
    return deliver(grad_output * (factor * scale), out)


# ------------------------------------------------------------------------------------------------------------ indexing
def _within(self, mask, indices) -> tuple:
    """The indices with those the mask hides moved to 0."""
    for index in indices:
        if index is not None and index.dtype not in (dtypes.int64, dtypes.int32):
            raise IndexError("tensors used as indices must be long or int tensors")
    return tuple(slice(None) if index is None else index.masked_fill(~mask, 0) for index in indices)


@_in_torch
def _unsafe_masked_index(self, mask, indices, fill):
    """``self[indices]`` where the mask is True, ``fill`` elsewhere; indices are read only where the mask is True."""
    return self[_within(self, mask, indices)].masked_fill(~mask, fill)


@_in_torch
def _unsafe_masked_index_put_accumulate(self, mask, indices, values):
    """A copy of ``self`` with ``values`` added at the indices where the mask is True."""
    return self.index_put(_within(self, mask, indices), values.masked_fill(~mask, 0), accumulate=True)


@_in_aten(name="slice")
def slice_(self, dim=0, start=None, end=None, step=1):
    """``self[start:end:step]`` along a dimension, a view."""
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return self[(slice(None),) * wrap_dim(dim, self.ndim) + (slice(start, end, step),)]


@op(namespace="_", name="max_pool2d_with_indices_backward", method=False)
def _unpooled(grad_output: Array, input: Array, indices: Array) -> Array:
    """Values put where the maxima of ``input`` came from."""
    *lead, H, W = input.shape
    if not grad_output.size:
        return mx.zeros(input.shape, dtype=grad_output.dtype)
    spots, values = indices.reshape(*lead, -1), grad_output.reshape(*lead, -1)
    return add_along(mx.zeros((*lead, H * W), dtype=values.dtype), len(lead), spots, values).reshape(input.shape)


@_unpooled.vjp
def _(g, input, indices):
    # the input matters by its shape only, yet the result is a function of it as far as torch's graph goes
    if not indices.size:
        return mx.zeros(indices.shape, g.dtype), mx.zeros_like(input), None
    *lead, H, W = input.shape
    picked = along(g.reshape(*lead, H * W), len(lead), indices.reshape(*lead, -1))
    return picked.reshape(indices.shape), mx.zeros_like(input), None


def _check_pooled(shape: tuple, wanted: tuple) -> None:
    """Refuse a gradient or indices of another shape than the pooling's output."""
    n = len(wanted)
    for i, size in enumerate(wanted):
        if len(shape) != n or shape[i] != size:
            found = shape[i] if i < len(shape) else None
            raise RuntimeError(
                f"Expected a tensor of dimension {n} and tensor.size[{i}] == {size} but got: dimension {len(shape)} and "
                f"tensor.size[{i}] = {found}"
            )


@_in_aten
def max_pool2d_with_indices_backward(
    grad_output, self, kernel_size, stride, padding, dilation, ceil_mode, indices, *, grad_input=None
):
    """The gradient of max pooling's input: each value goes where the maximum came from, as the indices say."""
    x, g, index = (read(t) for t in (self, grad_output, indices))
    if g.dtype != x.dtype:
        names = [dtypes.cpp_name(dtypes.from_mlx(a.dtype)) for a in (x, g)]
        raise RuntimeError(f"expected dtype {names[0]} for `gradOutput` but got dtype {names[1]}")
    where = grid("max_pool2d", x.shape, 2, kernel_size, stride, padding, dilation, ceil_mode)
    wanted = (*x.shape[:-2], *where.out)
    for shape in (g.shape, index.shape):
        _check_pooled(shape, wanted)
    if not mx.issubdtype(x.dtype, mx.floating):
        raise not_implemented("max_pool2d_backward", x)
    if index.dtype != mx.int64:
        name = dtypes.scalar_type_name(dtypes.from_mlx(index.dtype))
        raise RuntimeError(f"expected scalar type Long but found {name}")
    return deliver(_unpooled.public(grad_output, self, indices), grad_input)


# --------------------------------------------------------------------------------------------------------------- joins
def _check_chunks(tensors, dim, num_chunks) -> None:
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    if not len(tensors):
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if any(t.numel() == 0 for t in tensors):
        raise RuntimeError("_chunk_cat expects non-empty tensor")
    if len({t.ndim for t in tensors}) > 1:
        if dim < 0:
            raise RuntimeError("_chunk_cat expects non-negative dim when input tensors have different ndims")
        if any(dim >= t.ndim for t in tensors):
            raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")


@_in_torch
def _chunk_cat(tensors, dim, num_chunks, *, out=None):
    """Each tensor padded by zeros and cut into chunks along ``dim``, what follows flattened, side by side: (*lead, num_chunks, *)."""
    _check_chunks(tensors, dim, num_chunks)
    if any(t.dtype is not tensors[0].dtype for t in tensors):
        raise RuntimeError("_chunk_cat expects all input tensors with the same dtype")
    axis = wrap_dim(dim, tensors[0].ndim)
    lead = tensors[0].shape[:axis]
    if any(t.shape[:axis] != lead for t in tensors):
        raise RuntimeError("_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors")

    def chunks(t: Tensor) -> Tensor:
        n = t.shape[axis]
        padding = (0, 0) * (t.ndim - axis - 1) + (0, -n % num_chunks)
        return namespaces["nn.functional"]["pad"](t, padding).reshape(*lead, num_chunks, -1)

    return deliver(namespaces["torch"]["cat"]([chunks(t) for t in tensors], -1), out)


@_in_torch
def _upsample_bilinear2d_aa(input, output_size, align_corners, scales_h=None, scales_w=None, *, scale_factors=None):
    """Images (N, C, H, W) resized with a kernel as wide as the step. Raises: RuntimeError for another number of dimensions."""
    if scale_factors is not None:
        scales_h, scales_w = scale_factors
        if output_size is None:
            output_size = [int(n * f) for n, f in zip(input.shape[2:], scale_factors, strict=True)]
    if len(output_size) != 2:
        raise RuntimeError(f"It is expected output_size equals to 2, but got size {len(output_size)}")
    if input.ndim != 4:
        raise RuntimeError(f"It is expected input_size equals to 4, but got size {input.ndim}")
    return _interpolated.public(input, tuple(output_size), "bilinear", bool(align_corners), (scales_h, scales_w), True)


# ------------------------------------------------------------------------------------------------------------ segments
# what a reduction starts from, and what scatter_reduce calls it
_STARTS = {"sum": (0.0, "sum"), "mean": (0.0, "sum"), "prod": (1.0, "prod"), "max": (-math.inf, "amax"), "min": (math.inf, "amin"),
           "amax": (-math.inf, "amax"), "amin": (math.inf, "amin")}  # fmt: skip


def _segments(data, lengths, offsets, axis: int, unsafe: bool) -> tuple:
    """(lead, n) the segment each position is in, k for those in none; (lead, k) the lengths."""
    given = offsets if lengths is None else lengths
    if data.ndim < given.ndim:
        kind = "offsets" if lengths is None else "lengths"
        raise RuntimeError(f"segment_reduce(): data has {data.ndim} dimensions, {kind} has more: {given.ndim}")
    n = data.shape[axis]
    if axis != given.ndim - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}.")
    if lengths is not None:
        host = read(lengths)
        ends = lengths.cumsum(-1)
        if not unsafe:
            if bool(mx.any(host < 0)):
                raise RuntimeError("lengths contains negative value!")
            if bool(mx.any(mx.sum(host, axis=-1) != n)):
                raise RuntimeError(
                    "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe."
                )
        first = lengths.new_zeros(*lengths.shape[:-1], 1)
        bounds = namespaces["torch"]["cat"]([first, ends], -1)
    else:
        bounds = offsets.clamp(0, n)
        lengths = bounds.diff(dim=-1)
    position = wrap(checks.know(mx.arange(n, dtype=mx.int64))).expand(*data.shape[: axis + 1])
    segment = namespaces["torch"]["searchsorted"](bounds, position, right=True) - 1
    # positions before the first segment join those after the last
    return segment.masked_fill(segment < 0, lengths.shape[-1]), lengths


@composite(namespace=("torch", "aten"), method=False, aliases=("_segment_reduce",))
def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None):
    """Reduces runs of elements along ``axis``, given by their lengths or by where they start and the last one ends.

    ``reduce``: sum, mean, prod, max or min; ``initial`` is where each starts. ``unsafe`` leaves the lengths unchecked.
    """
    axis = wrap_dim(axis, data.ndim)
    if reduce not in _STARTS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    given = offsets if lengths is None else lengths
    if given.dtype not in (dtypes.int64, dtypes.int32):
        kind = "offsets" if lengths is None else "lengths"
        name = dtypes.scalar_type_name(given.dtype)
        raise NotImplementedError(f"\"_segment_reduce_{kind}_cpu_kernel1\" not implemented for '{name}'")
    if not data.is_floating_point():
        name = dtypes.scalar_type_name(data.dtype)
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{name}'")
    segment, lengths = _segments(data, lengths, offsets, axis, unsafe)
    start, how = _STARTS[reduce]
    count = lengths.shape[-1]
    shape = data.shape[:axis], data.shape[axis + 1 :]
    bounded = how in ("amax", "amin")  # an initial bound takes no share of the gradient, so it is applied afterwards
    begin = start if bounded or initial is None else initial
    filled = data.new_full((*shape[0], count + 1, *shape[1]), begin)
    trailing = (1,) * len(shape[1])
    target = segment.reshape(*segment.shape, *trailing).expand(data.shape)
    out = filled.scatter_reduce(axis, target, data, how).narrow(axis, 0, count)
    if bounded and initial is not None:
        return out.masked_fill(out < initial if how == "amax" else out > initial, initial)
    if reduce != "mean":
        return out
    # nothing has no mean, unless there is a value to start from
    divisor = lengths.to(data.dtype).reshape(*lengths.shape, *trailing)
    empty = divisor == 0
    return out / divisor.masked_fill(empty, math.nan if initial is None else 1)


# ---------------------------------------------------------------------------------------------------- copies and indexing
@_in_aten
def alias(self):
    """A view of the whole tensor."""
    return self.view_as(self)


@_in_aten
def _to_copy(
    self, *, dtype=None, layout=None, device=None, pin_memory=None, non_blocking: bool = False, memory_format=None
):
    """What ``to`` does, and always a new tensor."""
    if layout not in (None, self.layout):
        raise NotImplementedError(f"_to_copy: tensors here are strided, not {layout}")
    if pin_memory:
        raise RuntimeError("_to_copy: there is no pinned memory, all devices share one")
    form = {} if memory_format is None else {"memory_format": memory_format}
    return self.to(
        device=device or self.device, dtype=dtype or self.dtype, non_blocking=non_blocking, copy=True, **form
    )


@_in_aten
def _pin_memory(self, device=None):
    """``pin_memory``."""
    return self.pin_memory() if device is None else self.pin_memory(device)


@_in_aten
def index(self, indices):
    """Indexing by a list with a tensor or None (everything) for each of the first dimensions."""
    return self[tuple(slice(None) if i is None else i for i in indices)]


@_in_aten
def _sparse_addmm(self, mat1, mat2, *, beta=1, alpha=1):
    """``addmm``; the first factor is dense here."""
    return self.addmm(mat1, mat2, beta=beta, alpha=alpha)
