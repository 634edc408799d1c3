"""Named results of operators with several outputs, such as ``max(dim)`` and ``sort``."""

from __future__ import annotations

import collections


def named_result(name: str, *fields: str) -> type:
    """A named tuple that prints as torch's result type of that name."""
    base = collections.namedtuple(name, fields)

    def __repr__(self) -> str:
        lines = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self))
        return f"torch.return_types.{name}(\n{lines})"

    doc = f"The results of ``{name}``: {', '.join(fields)}."
    kind = type(name, (base,), {"__repr__": __repr__, "__slots__": (), "__doc__": doc})
    kind.__module__, kind.__qualname__ = "flashlight.return_types", name
    return kind


max = named_result("max", "values", "indices")
min = named_result("min", "values", "indices")
median = named_result("median", "values", "indices")
nanmedian = named_result("nanmedian", "values", "indices")
mode = named_result("mode", "values", "indices")
kthvalue = named_result("kthvalue", "values", "indices")
sort = named_result("sort", "values", "indices")
topk = named_result("topk", "values", "indices")
cummax = named_result("cummax", "values", "indices")
cummin = named_result("cummin", "values", "indices")
aminmax = named_result("aminmax", "min", "max")
histogram = named_result("histogram", "hist", "bin_edges")
histogramdd = named_result("histogramdd", "hist", "bin_edges")
frexp = named_result("frexp", "mantissa", "exponent")
slogdet = named_result("slogdet", "sign", "logabsdet")
linalg_slogdet = named_result("linalg_slogdet", "sign", "logabsdet")
linalg_inv_ex = named_result("linalg_inv_ex", "inverse", "info")
linalg_solve_ex = named_result("linalg_solve_ex", "result", "info")
linalg_cholesky_ex = named_result("linalg_cholesky_ex", "L", "info")
triangular_solve = named_result("triangular_solve", "solution", "cloned_coefficient")
linalg_qr = named_result("linalg_qr", "Q", "R")
qr = named_result("qr", "Q", "R")
geqrf = named_result("geqrf", "a", "tau")
linalg_svd = named_result("linalg_svd", "U", "S", "Vh")
svd = named_result("svd", "U", "S", "V")
linalg_eigh = named_result("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_eig = named_result("linalg_eig", "eigenvalues", "eigenvectors")
linalg_lu = named_result("linalg_lu", "P", "L", "U")
lu_unpack = named_result("lu_unpack", "P", "L", "U")
linalg_lu_factor = named_result("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = named_result("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_ldl_factor = named_result("linalg_ldl_factor", "LD", "pivots")
linalg_ldl_factor_ex = named_result("linalg_ldl_factor_ex", "LD", "pivots", "info")
linalg_lstsq = named_result("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
