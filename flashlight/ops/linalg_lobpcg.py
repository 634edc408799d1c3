"""lobpcg: the extreme eigenpairs of ``A x = e B x``, symmetric A and positive definite B, from the dense decomposition."""

from __future__ import annotations

from .._core import dtypes
from .._core.table import composite, namespaces
from .._core.tensor import Tensor

_linalg = namespaces["linalg"]


def _checked(A, k, B, X, method, tracker) -> int:
    """How many pairs are asked for."""
    if not isinstance(A, Tensor):
        raise TypeError(f"lobpcg(): argument 'A' must be Tensor, not {type(A).__name__}")
    if A.shape[-1] != A.shape[-2]:
        raise AssertionError(f"A must be square, got shape {A.shape}")
    if A.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"lobpcg(): expected a tensor of float32 or float64, got {A.dtype}")
    if B is not None and A.shape != B.shape:
        raise AssertionError(f"A and B must have the same shape, got A={A.shape} and B={B.shape}")
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"lobpcg(): method must be 'basic' or 'ortho', got {method!r}")
    if tracker is not None:
        raise NotImplementedError(
            "lobpcg(): there are no iterations for a tracker to follow: the decomposition is direct"
        )
    return k if k is not None else 1 if X is None else X.shape[-1]


@composite(method=False, host=True)
def lobpcg(
    A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None,
    ortho_iparams=None, ortho_fparams=None, ortho_bparams=None,
):  # fmt: skip
    """(eigenvalues, eigenvectors): the ``k`` largest, or with ``largest=False`` smallest, in that order; vectors with ``X^T B X = 1``.

    torch iterates towards them; here they come exact from the dense decomposition, differentiable in A and B. What steers
    torch's iteration, the start ``X``, preconditioner ``iK``, ``niter``, ``tol`` and ``ortho_*``, changes nothing but its error.

    Raises: ValueError if A has fewer than three rows for each pair, NotImplementedError for a ``tracker``.
    """
    del iK, niter, tol, ortho_iparams, ortho_fparams, ortho_bparams
    k = _checked(A, k, B, X, method, tracker)
    width = n if n is not None else k if X is None else X.shape[-1]
    m = A.shape[-1]
    if m < 3 * width:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of "
            f"requested eigenpairs (={width})"
        )
    A = (A + A.mT) / 2
    if B is None:
        values, vectors = _linalg["eigh"](A)
    else:  # with B = L L^T the pairs of L^-1 A L^-T are those of A and B
        low = _linalg["cholesky"]((B + B.mT) / 2)
        half = _linalg["solve_triangular"](low, A, upper=False)
        values, vectors = _linalg["eigh"](_linalg["solve_triangular"](low, half.mT, upper=False))
        vectors = _linalg["solve_triangular"](low.mT, vectors, upper=True)
    if largest is None or largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    return values[..., :k], vectors[..., :k]
