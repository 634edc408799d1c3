"""Decompositions against torch, by what they do not leave open, and the errors of singular input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import T, check
from .samples.linalg import positive, regular

LOOSE = {"atol": 2e-4, "rtol": 2e-4, "grad_atol": 2e-3, "grad_rtol": 2e-3}
SHAPES = [(3, 3), (4, 3), (3, 4), (2, 3, 3)]
DTYPES = ["float32", "float64", "complex64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_svd(shape, dtype):
    def recomposed(lib, a):
        u, s, vh = lib.linalg.svd(a, full_matrices=False)
        # the projector on the leading pair of vectors depends on u and v, but not on their sign or phase
        return s, (u[..., :1] * s[..., None, :1]) @ vh[..., :1, :], (u @ u.mH).abs()

    check(recomposed, regular(*shape, dtype=dtype), **LOOSE)
    check(lambda lib, a: [x.shape for x in lib.linalg.svd(a)], regular(*shape, dtype=dtype))
    check(lambda lib, a: lib.svd(a)[2].abs(), regular(*shape, dtype=dtype), grad=False, **LOOSE)
    check(lambda lib, a: lib.svd(a, compute_uv=False), regular(*shape, dtype=dtype), grad=False, **LOOSE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
def test_qr(shape, dtype, mode):
    def product(lib, a):
        q, r = lib.linalg.qr(a, mode=mode)
        return (q @ r if mode != "r" else r.abs()), r.abs(), q.abs()

    differentiable = mode == "reduced" or (mode == "complete" and shape[-2] <= shape[-1])
    second = differentiable and shape[-2] >= shape[-1]
    check(product, regular(*shape, dtype=dtype), grad=differentiable, second=second, **LOOSE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigh(uplo, dtype):
    def projected(lib, a):
        values, vectors = lib.linalg.eigh(a, UPLO=uplo)
        return values, vectors[..., :1] @ vectors[..., :1].mH

    check(projected, positive(3, dtype=dtype), second=False, **LOOSE)
    check(projected, positive(3, dtype=dtype, batch=(2,)), second=False, **LOOSE)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_eig(dtype):
    def powers(lib, a):
        values, vectors = lib.linalg.eig(a)
        again = (vectors * (values**2).unsqueeze(-2)) @ lib.linalg.inv(vectors)
        return again, values.abs().sum(), lib.linalg.eigvals(a).abs().sum()

    check(powers, regular(3, 3, dtype=dtype), second=False, **LOOSE)
    check(powers, regular(2, 3, 3, dtype=dtype), second=False, **LOOSE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_lu(shape, dtype):
    a = regular(*shape, dtype=dtype)
    check(lambda lib, a: lib.linalg.lu(a), a, **LOOSE)
    check(lambda lib, a: lib.linalg.lu_factor(a), a, **LOOSE)
    check(lambda lib, a: lib.linalg.lu_factor_ex(a), a, **LOOSE)
    check(lambda lib, a: lib.lu_unpack(*lib.linalg.lu_factor(a)), a, **LOOSE)
    check(lambda lib, a: lib.lu(a, get_infos=True), a, **LOOSE)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lu_solve(dtype):
    a, b = regular(3, 3, dtype=dtype), regular(3, 2, seed=5, dtype=dtype)
    for options in ({}, {"adjoint": True}):
        check(lambda lib, a, b: lib.linalg.lu_solve(*lib.linalg.lu_factor(a), b, **options), a, b, **LOOSE)  # noqa: B023
    check(lambda lib, a, b: lib.linalg.lu_solve(*lib.linalg.lu_factor(a), b.mT, left=False), a, b, **LOOSE)
    check(lambda lib, a, b: lib.lu_solve(b, *lib.linalg.lu_factor(a)), a, b, **LOOSE)


def test_geqrf_gives_what_householder_product_takes():
    def again(lib, a):
        q = lib.linalg.householder_product(*lib.geqrf(a))
        return q.abs(), q.mT @ q

    check(again, regular(4, 3), grad=False, **LOOSE)


def test_products_of_reflectors_have_gradients():
    a, tau = regular(4, 3), np.array([0.3, 1.2, 0.7], dtype=np.float32)

    def through(lib, a):
        return lib.linalg.householder_product(a.tril(-1), lib.tensor(tau))

    check(through, a, second=False, **LOOSE)


def test_cholesky_solve_of_a_triangle():
    check(lambda lib, a, b: lib.cholesky_solve(b, a.tril()), regular(3, 3), regular(3, 2, seed=1), **LOOSE)
    check(lambda lib, a: lib.cholesky_inverse(a.tril()), regular(3, 3), **LOOSE)


def _singular(lib):
    return lib.zeros(2, 2)


REFUSED = {
    "inv": lambda lib: lib.linalg.inv(_singular(lib)),
    "inv of a batch": lambda lib: lib.linalg.inv(lib.stack([lib.eye(2), _singular(lib)])),
    "inv_ex": lambda lib: lib.linalg.inv_ex(_singular(lib), check_errors=True),
    "inverse": lambda lib: lib.inverse(_singular(lib)),
    "solve": lambda lib: lib.linalg.solve(_singular(lib), lib.zeros(2)),
    "solve of a batch": lambda lib: lib.linalg.solve(lib.stack([lib.eye(2), _singular(lib)]), lib.zeros(2, 2)),
    "matrix_power": lambda lib: lib.linalg.matrix_power(_singular(lib), -1),
    "linalg.cholesky": lambda lib: lib.linalg.cholesky(-lib.eye(2)),
    "cholesky": lambda lib: lib.cholesky(lib.stack([lib.eye(2), lib.diag(lib.tensor([1.0, -1.0]))])),
    "cholesky_ex": lambda lib: lib.linalg.cholesky_ex(-lib.eye(2), check_errors=True),
    "cholesky_inverse": lambda lib: lib.cholesky_inverse(_singular(lib)),
    "svd": lambda lib: lib.linalg.svd(lib.full((1, 1), float("nan"))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_singular_matrices_raise_in_torchs_words(name):
    with pytest.raises(torch.linalg.LinAlgError) as theirs:
        REFUSED[name](torch)
    with pytest.raises(flashlight.linalg.LinAlgError) as ours:
        REFUSED[name](flashlight)
    assert str(ours.value) == str(theirs.value)


UNDEFINED = {
    "qr complete": lambda lib, a: lib.linalg.qr(a, mode="complete")[0],
    "qr r": lambda lib, a: lib.linalg.qr(a, mode="r")[1],
    "geqrf": lambda lib, a: lib.geqrf(a)[0],
    "svd phase": lambda lib, a: lib.linalg.svd(a.to(lib.complex64) * (1 + 2j))[0].real,
    "eigh phase": lambda lib, a: lib.linalg.eigh((lambda q: q + q.mH)(a[:3].to(lib.complex64) * (1 + 2j)))[1].imag,
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_gradients_that_are_not_defined_raise(name):
    a = np.random.RandomState(0).randn(4, 3).astype("float32")
    weights = np.random.RandomState(1).randn(4, 4).astype("float32")
    messages = []
    for lib in (torch, flashlight):
        out = UNDEFINED[name](lib, lib.tensor(a, requires_grad=True))
        with pytest.raises(RuntimeError) as refused:
            (out * lib.tensor(weights[: out.shape[-2], : out.shape[-1]])).sum().backward()
        messages.append(str(refused.value))
    assert messages[0] == messages[1]


def test_named_results_are_torchs():
    for name in ("slogdet", "qr", "svd", "eigh", "lu_factor", "inv_ex"):
        ours, theirs = (getattr(lib.linalg, name)(lib.eye(2)) for lib in (flashlight, torch))
        assert type(ours).__name__ == type(theirs).__name__
        assert all(hasattr(theirs, field) for field in ours._fields)
        assert repr(ours).split("=")[0] == repr(theirs).split("=")[0]


def test_lstsq_of_a_rank_deficient_matrix():
    a, b = (T(np.array(v, dtype=np.float32), grad=False) for v in ([[1, 1], [2, 2], [3, 3]], [[1], [2], [4]]))
    for driver in ("gelsy", "gelsd", "gelss"):
        check(lambda lib, a, b: lib.linalg.lstsq(a, b, driver=driver)[:3], a, b, grad=False, atol=1e-5)  # noqa: B023


def test_results_are_not_traced():
    with flashlight._core.lazy.paused(), pytest.raises(RuntimeError, match="traced"):
        flashlight.linalg.inv(flashlight.eye(2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_ldl(n, hermitian, dtype):
    rng = np.random.RandomState(n)
    data = rng.randn(2, n, n) + (1j * rng.randn(2, n, n) if dtype == "complex64" else 0)
    mirror = np.conj(np.swapaxes(data, -1, -2)) if hermitian else np.swapaxes(data, -1, -2)
    a, b = ((data + mirror) * 0.5).astype(dtype), rng.randn(2, n, 2).astype(dtype)
    # small diagonals ask for blocks of two rows
    a[:, range(n), range(n)] *= 0.1

    def lower(lib, a):
        ld, pivots, info = lib.linalg.ldl_factor_ex(a, hermitian=hermitian)
        return ld.tril(), pivots, info

    check(lower, T(a, grad=False), grad=False, **LOOSE)

    def solved(lib, a, b):
        return lib.linalg.ldl_solve(*lib.linalg.ldl_factor(a, hermitian=hermitian), b, hermitian=hermitian)

    check(solved, T(a, grad=False), T(b, grad=False), grad=False, atol=5e-3, rtol=5e-3)


@pytest.mark.parametrize(
    "tolerances", [{"atol": 1.5}, {"rtol": 0.2}, {"atol": 0.5, "rtol": 0.0}, {"atol": 0.05, "rtol": 0.5}]
)
@pytest.mark.parametrize("name", ["pinv", "matrix_rank"])
def test_tolerances(name, tolerances):
    # `check` has arguments of these names too, so they are given here
    matrix = T(np.diag([3.0, 1.0, 0.1]).astype(np.float32), grad=False)
    check(lambda lib, a: getattr(lib.linalg, name)(a, **tolerances), matrix)
