"""PyTorch's own operator database run against flashlight.

    python -m tests.op_db.harness [--only NAME ...] [--kinds forward,gradient,errors] [--dtype int64] [--json FILE]

Each operator's sample inputs are made by torch, converted, and given to both libraries. Two rates are told of each kind: among
the operators flashlight can have, and with those left out (``IMPOSSIBLE``) counted as failures.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import traceback
import types
import warnings

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import flashlight

# families flashlight can not have, with the reason; everything else of the database is wanted
IMPOSSIBLE = {
    "sparse.": "no sparse layouts",
    "to_sparse": "no sparse layouts",
    "jiterator": "compiles CUDA source text",
    "_scaled_mm": "MLX has no float8 tensors",
    "cdouble": "MLX has no complex128",
    "chalf": "MLX has no complex32",
    "_attention_forward": "CUDA kernels: the database gives them no dtype on the CPU",
}


def wanted(op) -> bool:
    """Whether flashlight can have an operator of the database."""
    return not any(part in op.name for part in IMPOSSIBLE)


class Unheld(NotImplementedError):
    """An argument flashlight can not hold: a dtype MLX has not, a layout, a tensor without values."""


# torch dtypes MLX has not
UNHELD = {torch.complex128, torch.complex32} | {
    d for d in vars(torch).values() if isinstance(d, torch.dtype) and "float8" in str(d)
}


class Convert:
    """Gives flashlight the same arguments: tensors that share a storage go on sharing it, strides included.

    With ``grad``, the tensors that require grad are collected in ``leaves``.
    """

    def __init__(self, grad: bool):
        self.grad, self.leaves, self.done, self.storages = grad, [], {}, {}

    def __call__(self, value):
        if isinstance(value, torch.Tensor):
            if id(value) not in self.done:
                # the tensor itself is kept too, so that its id is not used again
                self.done[id(value)] = self.tensor(value), value
            return self.done[id(value)][0]
        if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
            return getattr(flashlight, str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return flashlight.device(str(value))
        if isinstance(value, torch.Generator):
            return flashlight.Generator().manual_seed(value.initial_seed())
        if isinstance(value, (list, tuple)):
            parts = [self(v) for v in value]
            kind = flashlight.Size if isinstance(value, torch.Size) else type(value)
            return kind(*parts) if hasattr(value, "_fields") else kind(parts)
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, torch.nn.Module):
            return getattr(flashlight.nn, type(value).__name__)()
        if isinstance(value, types.FunctionType) and value.__module__.startswith("torch.testing"):
            return rebuilt(value)
        if callable(value) and getattr(value, "__module__", "").startswith("torch.nn.functional"):
            return getattr(flashlight.nn.functional, value.__name__)
        return value

    def tensor(self, value):
        host = value.detach()
        if host.layout != torch.strided or host.is_quantized or host.dtype in UNHELD:
            raise Unheld(f"{host.layout} {host.dtype}")
        if host.is_meta or (host.numel() and not host.untyped_storage().nbytes()):
            raise Unheld("a tensor without values has no counterpart")
        if host.is_conj() or host.is_neg() or (host.is_contiguous() and host.untyped_storage().nbytes() == host.nbytes):
            t = self.plain(host.resolve_conj().resolve_neg(), host)
        else:
            whole = host.as_strided((host.untyped_storage().nbytes() // host.element_size(),), (1,), 0)
            t = self.plain(whole, host).as_strided(host.shape, host.stride(), host.storage_offset())
        if self.grad and value.requires_grad:
            t = t.detach().requires_grad_()
            self.leaves.append(t)
        return t

    def plain(self, host, owner):
        """A whole storage; one that was met before is shared."""
        key = (owner.untyped_storage().data_ptr(), host.dtype) if host.nbytes else object()
        if key not in self.storages:
            flat = host if host.ndim <= 64 else host.reshape(-1)  # numpy has 64 dimensions at most
            t = flashlight.tensor(flat.float().numpy() if host.dtype == torch.bfloat16 else flat.numpy())
            t = t.bfloat16() if host.dtype == torch.bfloat16 else t
            self.storages[key] = t if host.ndim <= 64 else t.reshape(host.shape)
        t = self.storages[key]
        return t if t.shape == host.shape else t.as_strided(host.shape, host.stride(), host.storage_offset())


def find(op):
    """flashlight's function for an operator, None if there is none."""
    name = op.name.removeprefix("torch.")
    if isinstance(getattr(flashlight, name, None), flashlight.dtype):
        return getattr(flashlight.Tensor, name)
    target = flashlight
    for part in name.split("."):
        target = getattr(target, part, None)
        if target is None:
            break
    if target is None and "." not in name:
        aten = getattr(flashlight.ops.aten, name, None)
        if aten is not None:
            return aten
        method = getattr(flashlight.Tensor, name.removeprefix("_refs."), None)
        return method if method is None or callable(method) else (lambda x, *a, **k: getattr(x, name))
    return target


def rebuilt(fn):
    """A function of the database with torch meaning flashlight."""
    names = {**fn.__globals__, "torch": flashlight}
    if "wrapper_set_seed" in names:
        names["wrapper_set_seed"] = seeded
    made = types.FunctionType(fn.__code__, names, fn.__name__, fn.__defaults__, fn.__closure__)
    made.__kwdefaults__ = fn.__kwdefaults__
    return made


def seeded(fn, *args, **kwargs):
    flashlight.manual_seed(42)
    return fn(*args, **kwargs)


def caller(op):
    """How to call an operator of the database on flashlight."""
    source = getattr(op, "op", None)
    if isinstance(source, types.FunctionType) and source.__module__.startswith("torch.testing"):
        return rebuilt(source)
    found = find(op)
    if found is not None:
        return found
    label = getattr(source, "__name__", "") if "." not in op.name else ""
    return getattr(flashlight.Tensor, label, None) if label else None


def leaves(value) -> list:
    if isinstance(value, (torch.Tensor, flashlight.Tensor)) or not isinstance(value, (list, tuple, dict)):
        return [value]
    return [x for v in (value.values() if isinstance(value, dict) else value) for x in leaves(v)]


def as_numpy(t) -> np.ndarray:
    t = t.detach()
    t = t.float() if "bfloat16" in str(t.dtype) else t
    return t.resolve_conj().resolve_neg().numpy(force=True) if isinstance(t, torch.Tensor) else t.numpy()


# results that are unique only up to the signs or phases of vectors
UP_TO_SIGN = {
    "svd",
    "linalg.svd",
    "linalg.eig",
    "linalg.eigh",
    "svd_lowrank",
    "pca_lowrank",
    "geqrf",
    "linalg.qr",
    "qr",
}


# operators whose index is any one of equals: it must pick the same value
ANY_OF_EQUALS = {"kthvalue", "topk", "mode", "median", "nanmedian", "sort", "argsort", "msort", "max", "min"}


# how far results may be apart, relatively and absolutely; half precision sums in another order than torch
TOLERANCES = {"bfloat16": 2e-2, "float16": 2e-3}


def same(a, b, tolerance: float = 1e-4) -> str:
    """Empty if two results agree, else how they differ."""
    if isinstance(b, torch.Tensor):
        if not isinstance(a, flashlight.Tensor):
            return f"{type(a).__name__} for a Tensor"
        if str(a.dtype) != str(b.dtype):
            return f"dtype {a.dtype} for {b.dtype}"
        if tuple(a.shape) != tuple(b.shape):
            return f"shape {tuple(a.shape)} for {tuple(b.shape)}"
        x, y = as_numpy(a), as_numpy(b)
        tolerance = max(tolerance, TOLERANCES.get(str(b.dtype).removeprefix("torch."), 0))
        if not np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True):
            with np.errstate(all="ignore"):
                return f"values differ by {np.nanmax(np.abs(x.astype(np.complex128) - y)):.3g}"
        return ""
    if isinstance(b, (int, float, complex, bool)):
        return "" if a == b or abs(a - b) < 1e-4 or (a != a and b != b) else f"{a!r} for {b!r}"
    return ""


def orthonormal(a) -> bool:
    """Whether the columns or the rows are orthonormal vectors."""
    if a.ndim < 2 or not a.size:
        return False
    h = np.conj(np.swapaxes(a, -1, -2))
    product = h @ a if a.shape[-1] <= a.shape[-2] else a @ h
    return np.allclose(product, np.eye(product.shape[-1]), atol=1e-4)


def same_vectors(a, b) -> bool:
    """Whether vectors agree up to their phases, or up to a rotation where any orthonormal ones do (null spaces)."""
    return np.allclose(np.abs(a), np.abs(b), atol=1e-3) or (
        a.shape[-1] == a.shape[-2] and orthonormal(a) and orthonormal(b)
    )


def total(lib, results):
    """A number from every differentiable result."""
    out = None
    for r in results:
        if isinstance(r, (torch.Tensor, flashlight.Tensor)) and r.requires_grad:
            r = lib.view_as_real(r.resolve_conj()) if r.is_complex() else r
            w = lib.tensor(
                np.linspace(0.5, 1.5, max(r.numel(), 1))[: r.numel()].reshape(tuple(r.shape)).astype(np.float32)
            ).to(r.dtype)
            out = (r * w).sum() if out is None else out + (r * w).sum()
    return out


def same_choice(sample, ours, theirs) -> bool:
    """Whether indices along a dimension pick equal values."""
    numbers = [v for v in (*sample.args, *sample.kwargs.values()) if isinstance(v, int) and not isinstance(v, bool)]
    ours = torch.from_numpy(as_numpy(ours))
    for dim in [*numbers[-1:], -1]:
        for reduced in (False, True):
            pair = [i.unsqueeze(dim) if reduced else i for i in (ours, theirs)]
            try:
                mine, yours = (torch.take_along_dim(sample.input, i, dim) for i in pair)
            except (RuntimeError, IndexError):
                continue  # it is not this dimension that was reduced, or it was kept
            if torch.equal(mine, yours):
                return True
    return False


def settled(sample, result):
    """What of a result has a well-defined gradient, as the database says."""
    part = sample.output_process_fn_grad
    if not isinstance(part, types.FunctionType):
        return part(result)
    mine = any(isinstance(r, flashlight.Tensor) for r in leaves(result))
    return (rebuilt(part) if mine else part)(result)


def forward(op, fn, dtype) -> str:
    for sample in op.sample_inputs("cpu", dtype, requires_grad=False):
        # the database's own seed for random operators
        torch.manual_seed(42)
        theirs = op(sample.input, *sample.args, **sample.kwargs)
        flashlight.manual_seed(42)
        convert = Convert(False)
        ours = fn(convert(sample.input), *convert(sample.args), **convert(sample.kwargs))
        a, b = leaves(ours), leaves(theirs)
        if len(a) != len(b):
            return f"{len(a)} results for {len(b)}: {sample.summary()[:200]}"
        for x, y in zip(a, b, strict=True):
            problem = "" if op.name.startswith(("empty", "new_empty")) else same(x, y)
            if (
                problem.startswith("values")
                and op.name in ANY_OF_EQUALS
                and y.dtype == torch.int64
                and y is b[-1]
                and len(b) == (1 if op.name == "argsort" else 2)
            ):
                problem = "" if same_choice(sample, x, y) else problem
            if problem.startswith("values") and op.name in UP_TO_SIGN and same_vectors(as_numpy(x), as_numpy(y)):
                problem = ""
            if problem.startswith("values") and (wider := widened(op, sample, dtype)) is not None:
                torch.manual_seed(42)
                if nearer(a, b, leaves(op(wider.input, *wider.args, **wider.kwargs))):
                    problem = ""
            if problem:
                return f"{problem}: {sample.summary()[:300]}"
    return ""


WIDER = {torch.float32: torch.float64, torch.bfloat16: torch.float32, torch.float16: torch.float32}


def widened(op, sample, dtype):
    """The sample in a wider dtype; None where there is none."""
    wider = WIDER.get(dtype)
    if wider is None or wider not in op.dtypes or dtype in sample.kwargs.values() or dtype in sample.args:
        return None
    return sample.transform(
        lambda t: (
            t.detach().to(wider).requires_grad_(t.requires_grad)
            if isinstance(t, torch.Tensor) and t.dtype == dtype
            else t
        )
    )


def nearer(ours, theirs, exact) -> bool:
    """Whether our results are as near to torch's own in a wider dtype as torch's are, give or take two roundings."""
    for a, b, c in zip(ours, theirs, exact, strict=True):
        if isinstance(b, torch.Tensor):
            step = torch.finfo(b.dtype).eps if b.dtype.is_floating_point else 0
            a, b, c = as_numpy(a), as_numpy(b), as_numpy(c)
            if (
                a.shape != b.shape
                or not (np.abs(a - c) <= 1.5 * np.abs(b - c).max(initial=0) + 2 * step * np.abs(c)).all()
            ):
                return False
    return True


def checked(op, fn):
    """The function whose gradient the database compares: Hermitian or triangular inputs are made of any ones first.

    The database also hides results a mask leaves undefined; they are compared here.
    """
    wrap = op.gradcheck_wrapper
    if not getattr(wrap, "__name__", "").startswith(("gradcheck_wrapper_hermitian", "gradcheck_wrapper_triangular")):
        return fn
    wrap = wrap if fn is op else rebuilt(wrap)
    return lambda *args, **kwargs: wrap(fn, *args, **kwargs)


def expected_gradients(op, sample):
    """torch's gradients of a sample's tensors; None if nothing requires grad."""
    torch.manual_seed(42)
    # torch answers None for the gradient of a part of another leaf that was taken without recording
    sample = sample.transform(
        lambda t: (
            t
            if not isinstance(t, torch.Tensor) or not t._is_view() or not t.requires_grad
            else t.detach().requires_grad_()
        )
    )
    inputs = [
        t
        for t in leaves([sample.input, list(sample.args), sample.kwargs])
        if isinstance(t, torch.Tensor) and t.requires_grad
    ]
    theirs = settled(sample, checked(op, op)(sample.input, *sample.args, **sample.kwargs))
    loss = total(torch, leaves(theirs))
    return None if loss is None or not inputs else torch.autograd.grad(loss, inputs, allow_unused=True)


def gradient(op, fn, dtype) -> str:
    for sample in op.sample_inputs("cpu", dtype, requires_grad=True):
        expected = expected_gradients(op, sample)
        if expected is None:
            continue
        flashlight.manual_seed(42)
        convert = Convert(True)
        args, kwargs = (convert(sample.input), *convert(sample.args)), convert(sample.kwargs)
        loss = total(flashlight, leaves(settled(sample, checked(op, fn)(*args, **kwargs))))
        if loss is None:
            return f"result does not require grad: {sample.summary()[:200]}"
        found = flashlight.autograd.grad(loss, convert.leaves, allow_unused=True)
        for i, (x, y) in enumerate(zip(found, expected, strict=True)):
            if y is None or x is None:
                if (x is None) != (y is None) and np.any(as_numpy(x if y is None else y)):
                    return f"gradient {x} for {y}: {sample.summary()[:200]}"
                continue
            problem = same(x, y, 1e-3)
            if problem.startswith("values") and (wider := widened(op, sample, dtype)) is not None:
                exact = expected_gradients(op, wider)[i]
                if exact is not None and nearer([x], [y], [exact]):
                    problem = ""
            if problem:
                return f"gradient {problem}: {sample.summary()[:300]}"
    return ""


def errors(op, fn, _dtype) -> str:
    problems = [refusal(op, fn, bad.sample_input) for bad in op.error_inputs("cpu")]
    return " ;; ".join(p for p in problems if p)


def refusal(op, fn, sample) -> str:
    """Empty if a call that torch refuses is refused with the same exception.

    Some of the database's calls are refused only by another layer of torch (its Python references) or only with a message as a
    warning: what eager torch itself accepts need not be refused.
    """
    try:
        op(sample.input, *sample.args, **sample.kwargs)
    except Exception as error:
        expected = error
    else:
        return ""
    convert = Convert(False)
    try:
        # a tensor of a dtype flashlight has not can not be made, so the call is refused before it begins
        fn(*(convert(sample.input), *convert(sample.args)), **convert(sample.kwargs))
    except type(expected):
        return ""
    except Unheld:
        return ""
    except (TypeError, RuntimeError, ValueError, IndexError, NotImplementedError) as error:
        return f"{type(error).__name__} for {type(expected).__name__}: {str(expected)[:100]} | {str(error)[:100]}"
    return f"not refused ({str(expected)[:150]}): {sample.summary()[:200]}"


CHECKS = {"forward": forward, "gradient": gradient, "errors": errors}


ORDINARY = (torch.float32, torch.int64, torch.bool, torch.complex64)


def dtype_for(op, kind: str, wish: torch.dtype | None):
    """The dtype to check an operator in: the wish, or the first ordinary one it supports; None if it does not apply."""
    if kind == "errors":
        return None if op.error_inputs_func is None or wish is not None else torch.float32
    if kind == "gradient" and not op.supports_autograd:
        return None
    # the set torch claims gradients for; those of no dtype can not be asked for one
    have = op.supported_backward_dtypes("cpu") if kind == "gradient" else op.dtypes
    return next((d for d in ((wish,) if wish is not None else ORDINARY) if d in have), None)


def run(op, kinds, wish: torch.dtype | None = None) -> dict:
    """The outcome of each kind of check for one operator: empty if it passes, else what is wrong."""
    fn = caller(op)
    result = {}
    for kind in kinds:
        dtype = dtype_for(op, kind, wish)
        if dtype is None:
            continue
        if fn is None:
            result[kind] = "missing"
            continue
        try:
            result[kind] = CHECKS[kind](op, fn, dtype)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            result[kind] = (
                f"{type(error).__name__}: {str(error)[:200]} ({where.filename.split('/')[-1]}:{where.lineno})"
            )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--kinds", default="forward,gradient,errors")
    parser.add_argument(
        "--dtype", help="of the samples; by default the first of float32, int64, bool, complex64 there is"
    )
    parser.add_argument("--json")
    parser.add_argument("--part", default="0/1", help="i/n: every n-th operator from the i-th")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    part, parts = map(int, options.part.split("/"))
    wish = None if options.dtype is None else getattr(torch, options.dtype)
    kinds = options.kinds.split(",")
    passed, counted, left_out, rows = collections.Counter(), collections.Counter(), collections.Counter(), {}
    for op in [op for op in op_db if not options.only or op.name in options.only][part::parts]:
        if not wanted(op):
            left_out.update(kind for kind in kinds if dtype_for(op, kind, wish) is not None)
            continue
        label = op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")
        outcome = rows[label] = run(op, kinds, wish)
        for kind, problem in outcome.items():
            counted[kind] += 1
            passed[kind] += not problem
            if problem:
                print(f"{label:45s} {kind:9s} {problem}", flush=True)
    for kind in counted:
        everything = counted[kind] + left_out[kind]
        print(
            f"{kind}: {passed[kind]} of {counted[kind]} ({100 * passed[kind] / counted[kind]:.1f}%), "
            f"of everything {passed[kind]} of {everything} ({100 * passed[kind] / everything:.1f}%)"
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
    sys.exit(0)
