"""Attention: scaled dot products, and the multi-head form.

N batch, H heads, L queries, S keys, E width of a head.
"""

from __future__ import annotations

import math
import warnings

import mlx.core as mx

from .._core import device as devices
from .._core import dispatch, dtypes
from .._core.axes import summed
from .._core.errors import Shaped, size_mismatch
from .._core.modes import modes
from .._core.numerics.elementary import exp
from .._core.steps import unbroadcast
from .._core.table import Array, composite, namespaces, op
from .._core.tensor import read
from .kinds import FLOAT, not_implemented
from .reduce import wide


def _torch(name: str):
    return namespaces["torch"][name]


def _functional(name: str):
    return namespaces["nn.functional"][name]


def _causal(L: int, S: int) -> mx.array:
    return mx.arange(S) <= mx.arange(L)[:, None]


def _probabilities(query, key, mask, scale: float, causal: bool):
    """Softmax of the scaled products, in float32 at least; rows in which everything is masked are nan as in torch."""
    scores = mx.matmul(query * mx.array(scale, query.dtype), mx.swapaxes(key, -1, -2))
    scores = wide(scores)
    if not scores.shape[-1]:
        return scores  # nothing to look at
    lowest = mx.array(-math.inf, scores.dtype)
    if causal:
        scores = mx.where(_causal(scores.shape[-2], scores.shape[-1]), scores, lowest)
    if mask is not None:
        scores = mx.where(mask, scores, lowest) if mask.dtype == mx.bool_ else scores + mask.astype(scores.dtype)
    top = mx.stop_gradient(mx.max(scores, axis=-1, keepdims=True))
    powers = exp(scores - mx.where(top == lowest, mx.zeros_like(top), top))
    total = summed(powers, axis=-1, keepdims=True)
    # a query that may look at nothing gets zeros
    return powers / mx.where(total == 0, mx.ones_like(total), total)


# what torch.nn.attention.sdpa_kernel and torch.backends.cuda's switches allow
allowed = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_fused_allowed() -> bool:
    """Whether MLX's fused kernel may be used: it stands for each of torch's fused ones."""
    return allowed["flash"] or allowed["mem_efficient"] or allowed["cudnn"]


@op(namespace="_", name="scaled_dot_product_attention", method=False, autocast="low")
def attend(
    query: Array, key: Array, value: Array, attn_mask: Array | None, keep: Array | None, scale: float, causal: bool
) -> Array:
    """Attention of (N, H, L, E) queries over (N, H, S, E) keys; ``keep`` scales the probabilities (dropout)."""
    fused = devices.GPU and is_fused_allowed() and keep is None and query.dtype != mx.float64
    if fused and query.ndim == 4 and key.shape[-2]:
        mask = "causal" if causal else attn_mask
        return mx.fast.scaled_dot_product_attention(query, key, value, scale=scale, mask=mask)
    return _attend(query, key, value, attn_mask, keep, scale, causal)[0]


def _attend(query, key, value, attn_mask, keep, scale, causal):
    p = _probabilities(query, key, attn_mask, scale, causal)
    used = p if keep is None else p * keep
    return mx.matmul(used.astype(value.dtype), value), p


@attend.vjp
def _(g, query, key, value, attn_mask, keep, saved, scale, causal, needs, shapes):
    p = saved
    used = p if keep is None else p * keep
    dv = mx.matmul(mx.swapaxes(used, -1, -2).astype(g.dtype), g)
    dp = wide(mx.matmul(g, mx.swapaxes(value, -1, -2)))
    dp = dp if keep is None else dp * keep
    ds = p * (dp - summed(dp * p, axis=-1, keepdims=True))
    dmask = unbroadcast(ds, shapes[3]) if needs[3] else None
    ds = (ds * scale).astype(query.dtype)
    dq = mx.matmul(ds, key)
    dk = mx.matmul(mx.swapaxes(ds, -1, -2), query)
    return unbroadcast(dq, shapes[0]), unbroadcast(dk, shapes[1]), unbroadcast(dv, shapes[2]), dmask, None


attend.saving(_attend)


def _check(query, key, value, attn_mask, causal) -> None:
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {dtypes.cpp_name(query.dtype)} key.dtype: "
            f"{dtypes.cpp_name(key.dtype)} and value.dtype: {dtypes.cpp_name(value.dtype)} instead."
        )
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    if query.dtype.category != FLOAT:
        if query.is_complex():
            raise not_implemented("softmax_lastdim_kernel_impl", read(query))
        raise RuntimeError(f"expected scalar type Float but found {dtypes.scalar_type_name(query.dtype)}")
    if query.size(-1) != key.size(-1) or key.size(-2) != value.size(-2):
        query.matmul(key.transpose(-2, -1)).matmul(value)  # raises: one of the products has no sense
    if attn_mask is not None and causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if attn_mask is not None and attn_mask.dtype not in (dtypes.bool_, query.dtype, dtypes.float32):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{dtypes.cpp_name(attn_mask.dtype)} and  query.dtype: {dtypes.cpp_name(query.dtype)} instead."
        )


def _check_batches(query, key, value, attn_mask) -> None:
    """Refuse leading dimensions that do not broadcast, and a mask that does not broadcast to the scores."""
    of_query, of_key, of_value = read(query).shape, read(key).shape, read(value).shape
    lead = of_query[:-2]
    if not lead == of_key[:-2] == of_value[:-2]:
        lead = _broadcast(lead, of_key[:-2])
        _broadcast(lead, of_value[:-2])
    if attn_mask is None:
        return
    scores = (*lead, of_query[-2], of_key[-2])
    shape = _broadcast(scores, read(attn_mask).shape)
    if shape != scores:
        raise RuntimeError(f"output with shape {list(scores)} doesn't match the broadcast shape {list(shape)}")


def _broadcast(a, b) -> tuple:
    if a == b:
        return tuple(a)
    wrong = size_mismatch((Shaped(a), Shaped(b)))
    if wrong is not None:
        raise wrong
    return tuple(mx.broadcast_shapes(a, b))


@composite(namespace="nn.functional")
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """``softmax(query @ key.T * scale + mask) @ value``; ``scale`` defaults to 1/sqrt(E).

    Args:
        attn_mask: bool (True takes part) or added to the scores. enable_gqa: key and value heads are repeated to the query's.

    Shape: (N, ..., Hq, L, E), (N, ..., H, S, E), (N, ..., H, S, Ev) -> (N, ..., Hq, L, Ev).
    """
    if hasattr(attn_mask, "materialize"):  # a mask of torch.nn.attention.bias
        if is_causal:
            raise ValueError("CausalBias should not be used with causal=True")
        attn_mask = attn_mask.materialize(query.device)
    if type(is_causal) is not bool or type(enable_gqa) is not bool:
        name, flag = ("enable_gqa", enable_gqa) if isinstance(is_causal, bool) else ("is_causal", is_causal)
        raise _wrong_kind(name, "bool", flag)
    if not hasattr(dropout_p, "__float__"):
        raise _wrong_kind("dropout_p", "float", dropout_p)
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    _check(query, key, value, attn_mask, is_causal)
    if not any(allowed.values()):
        raise RuntimeError("No viable backend for scaled_dot_product_attention was found.")
    if enable_gqa:
        heads = query.size(-3)
        if not (key.size(-3) and value.size(-3)) or heads % key.size(-3) or heads % value.size(-3):
            raise RuntimeError("Number of heads in key and value must divide the number of heads in ")
        key = key.repeat_interleave(heads // key.size(-3), -3)
        value = value.repeat_interleave(heads // value.size(-3), -3)
    _check_batches(query, key, value, attn_mask)
    if scale is None:
        width = query.size(-1)
        scale = 1.0 / math.sqrt(width) if width else math.inf
    elif not hasattr(scale, "__float__"):
        raise _wrong_kind("scale", "float", scale)
    keep = None
    if dropout_p > 0.0:
        lead = mx.broadcast_shapes(read(query).shape[:-2], read(key).shape[:-2])
        keep = _functional("dropout")(
            _torch("ones")(*lead, query.size(-2), key.size(-2), dtype=query.dtype), dropout_p, True
        )
    return dispatch.run(attend, (query, key, value, attn_mask, keep), (float(scale), is_causal))


def _wrong_kind(name: str, kind: str, value) -> TypeError:
    return TypeError(f"scaled_dot_product_attention(): argument '{name}' must be {kind}, not {type(value).__name__}")


# ------------------------------------------------------------------------------------------------------------ multi-head
def _canonical(mask, name: str, other, other_name: str, target):
    """A mask as something to add to the scores."""
    if mask is None:
        return None
    if mask.dtype is not dtypes.bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.dtype is dtypes.bool_:
        return _torch("zeros_like")(mask, dtype=target).masked_fill(mask, -math.inf)
    return mask


def _project(query, key, value, weight, bias):
    """The three input projections from one packed weight."""
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    linear = _functional("linear")
    if key is value and query is key:
        q, k, v = linear(query, weight, bias).chunk(3, -1)
        return q, k, v
    wq, wk, wv = weight.chunk(3)
    bq, bk, bv = (None, None, None) if bias is None else bias.chunk(3)
    return linear(query, wq, bq), linear(key, wk, bk), linear(value, wv, bv)


def _check_heads(query, key, value, key_padding_mask, attn_mask, heads: int) -> bool:
    """Whether the input is batched. Raises: AssertionError for shapes that do not belong together."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    batched = query.ndim == 3
    word = "batched" if batched else "unbatched"
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise AssertionError(
            f"For {word} (`query`), expected `key` and `value` to be {query.ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors "
            "respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != query.ndim - 1:
        raise AssertionError(
            f"For {word} (`query`), expected `key_padding_mask` to be `None` or {query.ndim - 1}-D but found {key_padding_mask.ndim}-D "
            "tensor instead"
        )
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise AssertionError(
            f"For {word} (`query`), expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D tensor instead"
        )
    if not batched and attn_mask is not None and attn_mask.ndim == 3:
        expected = (heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return batched


def _shaped_mask(attn_mask, N: int, heads: int, L: int, S: int):
    if attn_mask.ndim == 2:
        if tuple(attn_mask.shape) != (L, S):
            raise RuntimeError(f"The shape of the 2D attn_mask is {attn_mask.shape}, but should be {(L, S)}.")
        return attn_mask.unsqueeze(0)
    if tuple(attn_mask.shape) != (N * heads, L, S):
        raise RuntimeError(f"The shape of the 3D attn_mask is {attn_mask.shape}, but should be {(N * heads, L, S)}.")
    return attn_mask


def _extend(mask, columns: int):
    """A mask with columns that mask nothing, for keys that were added."""
    return mask if mask is None or not columns else _functional("pad")(mask, (0, columns))


def _as_batch(query, key, value):
    """Unbatched inputs as a batch of one; what is one tensor stays one."""
    q = query.unsqueeze(1)
    k = q if key is query else key.unsqueeze(1)
    return q, k, k if value is key else value.unsqueeze(1)


def _project_apart(query, key, value, weights, bias):
    """The three input projections from weights of their own."""
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    parts = (None, None, None) if bias is None else bias.chunk(3)
    E = query.size(-1)
    names = ("query", "key", "value")
    for name, x, w in zip(names, (query, key, value), weights, strict=True):
        if w is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name[0]}_proj_weight is None")
        if tuple(w.shape) != (E, x.size(-1)):
            raise AssertionError(f"expecting {name} weights shape of {(E, x.size(-1))}, but got {w.shape}")
    for name, b in zip(names, parts, strict=True):
        if b is not None and tuple(b.shape) != (E,):
            raise AssertionError(f"expecting {name} bias shape of {(E,)}, but got {b.shape}")
    linear = _functional("linear")
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weights, parts, strict=True))


def _check_extras(bias_k, bias_v, static_k, static_v, sizes) -> None:
    """Refuse one bias without the other, or with the keys and values given, and those of other ``sizes``: (batch, width)."""
    if bias_k is not None or bias_v is not None:
        if bias_v is None:
            raise AssertionError("bias_k is set but bias_v is None")
        if bias_k is None:
            raise AssertionError("bias_v is set but bias_k is None")
        for static, name in ((static_k, "key"), (static_v, "value")):
            if static is not None:
                raise AssertionError(f"bias cannot be added to static {name}.")
    for static, name in ((static_k, "static_k"), (static_v, "static_v")):
        for d, n in zip((0, 2), sizes, strict=True):
            if static is not None and static.size(d) != n:
                raise AssertionError(f"expecting {name}.size({d}) of {n}, but got {static.size(d)}")


def _split_heads(q, k, v, extras, heads: int):
    """(., N, E) -> (N * H, ., width) each, with the keys and values that were asked to be added, and how many those are."""
    bias_k, bias_v, static_k, static_v, zero = extras
    N, E = q.shape[1:]
    cat, added = _torch("cat"), 0
    _check_extras(bias_k, bias_v, static_k, static_v, (N * heads, E // heads))
    if bias_k is not None:
        k, v, added = cat([k, bias_k.repeat(1, N, 1)]), cat([v, bias_v.repeat(1, N, 1)]), 1

    def split(x):
        return x.reshape(x.shape[0], N * heads, E // heads).transpose(0, 1)

    q, k, v = split(q), split(k) if static_k is None else static_k, split(v) if static_v is None else static_v
    if zero:
        zeros = k.new_zeros(N * heads, 1, E // heads)
        k, v, added = cat([k, zeros], 1), cat([v, zeros], 1), added + 1
    return q, k, v, added


def _with_padding(attn_mask, padding, N: int, heads: int, S: int):
    """The attention mask with that of padded keys (N, S) added for each head."""
    if padding is None:
        return attn_mask
    for d, n in enumerate((N, S)):
        if padding.shape[d] != n:
            raise AssertionError(f"Expected key_padded_mask.shape[{d}] to be {n}, but got {padding.shape[d]}")
    padding = padding.view(N, 1, 1, S).expand(-1, heads, -1, -1).reshape(N * heads, 1, S)
    return padding if attn_mask is None else attn_mask + padding


def _weighted(q, k, v, attn_mask, dropout_p: float):
    """(output (L, N * H, width), probabilities), for callers that want to see them."""
    bmm = _torch("bmm")
    if attn_mask is not None and attn_mask.dtype is not q.dtype and modes.autocast is None:
        mask, own = dtypes.cpp_name(attn_mask.dtype), dtypes.cpp_name(q.dtype)
        raise RuntimeError(f"Input dtypes must be the same, got: input {mask}, batch1: {own}, batch2: {own}")
    scores = bmm(q * math.sqrt(1.0 / q.shape[-1]), k.transpose(-2, -1))
    weights = (scores if attn_mask is None else scores + attn_mask).softmax(-1)
    if dropout_p > 0.0:
        weights = _functional("dropout")(weights, dropout_p)
    return bmm(weights, v).transpose(0, 1).contiguous(), weights


def _fused(q, k, v, attn_mask, dropout_p: float, causal: bool, N: int):
    """Output (L, N, H, width) by scaled_dot_product_attention."""
    heads, S = q.shape[0] // N, k.shape[1]
    if attn_mask is not None:
        attn_mask = attn_mask.unsqueeze(0) if attn_mask.size(0) == 1 else attn_mask.view(N, heads, -1, S)
    q, k, v = (t.reshape(N, heads, -1, t.shape[-1]) for t in (q, k, v))
    output = _functional("scaled_dot_product_attention")(q, k, v, attn_mask, dropout_p, causal)
    return output.permute(2, 0, 1, 3).contiguous()


@composite(namespace="nn.functional")
def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """Multi-head attention with its projections: (output, attention weights or None).

    Shape: query (L, N, E) or (L, E), key and value (S, N, .) or (S, .) -> (L, N, E), weights (N, L, S) or (N, H, L, S).

    Raises: AssertionError or RuntimeError for shapes that do not belong together.
    """
    batched = _check_heads(query, key, value, key_padding_mask, attn_mask, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if not batched:
        query, key, value = _as_batch(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    L, N, E = query.shape
    if embed_dim_to_check != E:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {E}")
    if E % num_heads:
        raise AssertionError(f"embed_dim {E} not divisible by num_heads {num_heads}")
    key_padding_mask = _canonical(key_padding_mask, "key_padding_mask", attn_mask, "attn_mask", query.dtype)
    # without anything else to mask or show, the hint takes the mask's place
    is_causal = is_causal and key_padding_mask is None and not need_weights
    attn_mask = None if is_causal else _canonical(attn_mask, "attn_mask", None, "", query.dtype)
    if attn_mask is not None:
        attn_mask = _shaped_mask(attn_mask, N, num_heads, L, key.shape[0])
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _project_apart(query, key, value, weights, in_proj_bias)
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias)
    q, k, v, added = _split_heads(q, k, v, (bias_k, bias_v, static_k, static_v, add_zero_attn), num_heads)
    attn_mask, key_padding_mask = _extend(attn_mask, added), _extend(key_padding_mask, added)
    attn_mask = _with_padding(attn_mask, key_padding_mask, N, num_heads, k.size(1))
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        output, weights = _weighted(q, k, v, attn_mask, dropout_p)
        weights = weights.view(N, num_heads, L, k.size(1))
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        output, weights = _fused(q, k, v, attn_mask, dropout_p, is_causal, N), None
    # the projection may have another width: CLIP's attention pooling uses this function so
    output = _functional("linear")(output.view(L * N, E), out_proj_weight, out_proj_bias).view(
        L, N, out_proj_weight.size(0)
    )
    if batched:
        return output, weights
    return output.squeeze(1), None if weights is None else weights.squeeze(0)
