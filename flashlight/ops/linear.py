"""Linear and bilinear maps."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dtypes
from .._core.numerics.elementary import conj
from .._core.steps import unbroadcast
from .._core.table import Array, composite, namespaces, op
from .kinds import not_implemented
from .matmul import product


def _rows(a):
    return a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


@op(namespace="nn.functional", autocast="low", backward="Addmm")
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """``input @ weight.T + bias``.

    Shape: (*, I), (O, I), (O) -> (*, O); a ``weight`` of shape (I) gives (*).
    """
    out = product(input, weight.T)
    if bias is None:
        return out
    return out + (bias if bias.ndim == 1 or bias.ndim <= out.ndim else bias.reshape(-1))


@linear.vjp(crosswise=("input", "weight"))
def _(g, input, weight, needs, shapes):
    flat = len(shapes[1]) == 1
    dx = dw = None
    if needs[0]:
        dx = conj(weight) * mx.expand_dims(g, -1) if flat else mx.matmul(g, conj(weight))
    if needs[1]:
        x = conj(_rows(input))
        dw = (g.reshape(-1, 1) * x).sum(0) if flat else mx.matmul(_rows(g).T, x)
    if not needs[2]:
        return dx, dw, None
    if len(shapes[2]) <= g.ndim:
        return dx, dw, unbroadcast(g, shapes[2])
    return dx, dw, unbroadcast(g, shapes[2][-g.ndim :]).reshape(shapes[2])


@linear.checked
def _(arrays, _statics):
    input, weight, bias = arrays
    if not input.ndim or not weight.ndim:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D"
        )
    if weight.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {weight.ndim}D")
    if weight.ndim == 1 and bias is not None and (input.ndim > 1 or bias.ndim):
        raise RuntimeError("mat2 must be a matrix, got 1-D tensor")
    if input.shape[-1] != weight.shape[-1]:
        rows = input.size // max(input.shape[-1], 1)
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1]} and "
            f"{weight.shape[-1]}x{weight.shape[0] if weight.ndim == 2 else 1})"
        )
    if input.dtype != weight.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {_name(input)} != {_name(weight)}")
    if bias is not None:
        _check_bias(bias, input, weight)
    return arrays


def _check_bias(bias, input, weight) -> None:
    if bias.dtype != input.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {_kind(bias)} and {_kind(input)}")
    target = (*input.shape[:-1], *weight.shape[:-1])
    # a vector is multiplied as a matrix of one row, and so may be the bias
    if input.ndim == 1 and bias.shape == (1, *target):
        return
    fits = bias.ndim <= max(len(target), 1) and all(
        n in (1, m) for n, m in zip(reversed(bias.shape), reversed(target), strict=False)
    )
    if not fits:
        raise RuntimeError(
            f"The expanded size of the tensor ({target[-1] if target else 1}) must match the existing size "
            f"({bias.shape[-1]}) at non-singleton dimension {len(target) - 1}.  Target sizes: {list(target)}.  "
            f"Tensor sizes: {list(bias.shape)}"
        )


def _name(a) -> str:
    return {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16"}.get(
        dtypes.from_mlx(a.dtype).name, _kind(a)
    )


def _kind(a) -> str:
    return dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))


@op(method=False, namespace=("torch", "nn.functional"), out=False, autocast="gpu widest")
def bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """``input1^T weight[k] input2 + bias[k]`` for each k.

    Shape: (*, I), (*, J), (K, I, J), (K) -> (*, K).
    """
    k, i, j = weight.shape
    count = math.prod(input1.shape[:-1])
    left = product(input1.reshape(count, i), weight.transpose(1, 0, 2).reshape(i, k * j)).reshape(count, k, j)
    out = (left * input2.reshape(count, 1, j)).sum(-1).reshape(*input1.shape[:-1], k)
    return out if bias is None else out + bias


@bilinear.checked
def _(arrays, _statics):
    a, b, w, bias = arrays
    given = {"input1": a, "input2": b, "weight": w} | ({} if bias is None else {"bias": bias})
    if any(x.dtype != a.dtype for x in given.values()):
        words = ", ".join(f"{n}: {dtypes.cpp_name(dtypes.from_mlx(x.dtype))}" for n, x in given.items())
        raise RuntimeError(f"All tensors must have the same dtype, got {words}")
    if a.ndim != b.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {a.ndim} and {b.ndim}")
    for d in range(a.ndim - 1):
        if a.shape[d] != b.shape[d]:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {d}: got {a.shape[d]} and {b.shape[d]}"
            )
    for which, x, axis in (("1", a, 1), ("2", b, 2)):
        if x.shape[-1] != w.shape[axis]:
            raise RuntimeError(
                f"bilinear(): input{which} size does not match weight size: got {x.shape[-1]} but expected "
                f"{w.shape[axis]}"
            )
    if bias is not None and bias.shape[0] != w.shape[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {w.shape[0]}"
        )
    if w.ndim != 3:
        raise RuntimeError("number of dimensions must match")
    if a.dtype == mx.bool_:
        raise not_implemented("bmm", a)
    for x in (a, b):
        if not x.shape[-1]:
            raise RuntimeError(
                "cannot reshape tensor of 0 elements into shape [-1, 0] because the unspecified dimension size -1 can be any value and "
                "is ambiguous"
            )
    return arrays


@composite(namespace="nn.functional")
def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    ``options`` trade memory for time and change no result: nothing has to be split here.
    Shape: (N, I) or (I), (C, *K, I), (N, *K) or the shape of the logits (N, C, *K) -> a number, or one for each target.
    """
    if options is not None and not hasattr(options, "acc_policy"):
        raise TypeError(f"options must be LinearCrossEntropyOptions or None, got {type(options).__name__}")
    _check_linear_loss(input, linear_weight, linear_bias)
    features = linear_weight.shape[1:-1]
    rows = linear_weight.reshape(-1, linear_weight.shape[-1])
    logits = linear.public(input, rows, None if linear_bias is None else linear_bias.reshape(-1))
    logits = logits.reshape(*input.shape[:-1], linear_weight.shape[0], *features)
    if target.shape == logits.shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    loss = namespaces["nn.functional"]["cross_entropy"]
    return loss(logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing)


def _check_linear_loss(input, weight, bias) -> None:
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.dim()}")
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {weight.shape[-1]}, respectively"
        )
    if bias is not None and tuple(bias.shape) != tuple(weight.shape[:-1]):
        raise RuntimeError(f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}")
    if weight.dim() > 2 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss requires batched input (N, {input.shape[-1]}), got {tuple(input.shape)}"
        )
