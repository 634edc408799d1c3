"""Products of groups of rows, each with a matrix of its own: the experts of a mixture."""

from __future__ import annotations

from .._core.table import composite, namespaces


def _groups(t, ends: list[int], dim: int) -> list:
    starts = [0, *ends[:-1]]
    return [t.narrow(dim, start, end - start) for start, end in zip(starts, ends, strict=True)]


def _rest(out, size: int, dim: int):
    """Zeros for what lies behind the last group."""
    left = size - out.shape[dim]
    if not left:
        return out
    shape = [left if i == dim else n for i, n in enumerate(out.shape)]
    return namespaces["torch"]["cat"]([out, out.new_zeros(shape)], dim)


@composite(namespace=("torch", "aten"), name="_grouped_mm", method=False, autocast="low")
@composite(namespace="nn.functional", method=False)
def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """Matrix products of groups; ``offs`` holds where each group ends, along the dimension a 2-d operand is grouped by.

    Shapes: (M, K) x (G, K, N) -> (M, N), (G, M, K) x (K, N) -> (M, N), (M, K) x (K, N) -> (G, M, N), and the batched product.
    """
    cat, stack = namespaces["torch"]["cat"], namespaces["torch"]["stack"]
    if mat_a.dtype is not mat_b.dtype:
        raise RuntimeError(f"Expected mat_a and mat_b to have the same dtype, got {mat_a.dtype} and {mat_b.dtype}")
    if mat_a.dim() not in (2, 3) or mat_b.dim() not in (2, 3):
        raise RuntimeError("mat_a and mat_b have to be 2 or 3 dimensional")
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if (offs is not None) != (mat_a.dim() == 2 or mat_b.dim() == 2):
        raise RuntimeError("Have to provide offsets if there is a 2d matrix, and none otherwise")
    ends = None if offs is None else offs.tolist()
    if offs is None:
        out = mat_a @ mat_b
    elif mat_a.dim() == 2 and mat_b.dim() == 3:
        out = _rest(cat([a @ b for a, b in zip(_groups(mat_a, ends, 0), mat_b.unbind(0), strict=True)]), len(mat_a), 0)
    elif mat_a.dim() == 3:
        parts = [a @ b for a, b in zip(mat_a.unbind(0), _groups(mat_b, ends, 1), strict=True)]
        out = _rest(cat(parts, 1), mat_b.shape[1], 1)
    else:
        out = stack([a @ b for a, b in zip(_groups(mat_a, ends, 1), _groups(mat_b, ends, 0), strict=True)])
    return out if out_dtype is None else out.to(out_dtype)
