"""PyTorch's own operator database run against flashlight.

    python -m tests.op_db.harness [--only NAME ...] [--kinds forward,gradient,errors] [--json FILE]

Each operator's sample inputs are made by torch, converted, and given to both libraries.
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

# operators of parts of torch that do not exist here by design: sparse, nested, quantised, prims, jagged; types MLX has not;
# and aten's, which are no names of the torch module
OUTSIDE = (
    "sparse",
    "nested",
    "jiterator",
    "_segment",
    "segment_reduce",
    "to_sparse",
    "masked.",
    "ops.aten",
    "torch.ops",
    "prims",
    "_scaled_mm",
    "cdouble",
    "chalf",
)
ATEN = ("slice", "native_dropout_backward", "max_pool2d_with_indices_backward")


def wanted(op) -> bool:
    """Whether an operator is one flashlight means to have: those of torch's public names."""
    private = op.name.startswith("_") and not op.name.startswith("__")
    return not private and op.name not in ATEN and not any(part in op.name for part in OUTSIDE)


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
        if host.is_meta or (host.numel() and not host.untyped_storage().nbytes()):
            raise NotImplementedError("a tensor without values has no counterpart")
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
            t = flashlight.tensor(host.float().numpy() if host.dtype == torch.bfloat16 else host.numpy())
            self.storages[key] = t.bfloat16() if host.dtype == torch.bfloat16 else t
        t = self.storages[key]
        return t if t.shape == host.shape else t.as_strided(host.shape, host.stride(), host.storage_offset())


def find(op):
    """flashlight's function for an operator, None if there is none."""
    name = op.name
    if isinstance(getattr(flashlight, name, None), flashlight.dtype):
        return getattr(flashlight.Tensor, name)
    target = flashlight
    for part in name.split("."):
        target = getattr(target, part, None)
        if target is None:
            break
    if target is None and "." not in name:
        method = getattr(flashlight.Tensor, name.removeprefix("_refs."), None)
        return method if method is None or callable(method) else (lambda x, *a, **k: getattr(x, name))
    return target


def rebuilt(fn):
    """A function of the database with torch meaning flashlight."""
    names = {**fn.__globals__, "torch": flashlight}
    if "wrapper_set_seed" in names:
        names["wrapper_set_seed"] = seeded
    return types.FunctionType(fn.__code__, names, fn.__name__, fn.__defaults__, fn.__closure__)


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
    label = getattr(source, "__name__", "")
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
        if not np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"values differ by {np.nanmax(np.abs(x.astype(np.complex128) - y)):.3g}"
        return ""
    if isinstance(b, (int, float, complex, bool)):
        return "" if a == b or abs(a - b) < 1e-4 or a != a else f"{a!r} for {b!r}"
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
            r = lib.view_as_real(r.resolve_conj() if lib is torch else r) if r.is_complex() else r
            w = lib.tensor(
                np.linspace(0.5, 1.5, max(r.numel(), 1))[: r.numel()].reshape(tuple(r.shape)).astype(np.float32)
            ).to(r.dtype)
            out = (r * w).sum() if out is None else out + (r * w).sum()
    return out


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
            if problem.startswith("values") and op.name in UP_TO_SIGN and same_vectors(as_numpy(x), as_numpy(y)):
                problem = ""
            if problem:
                return f"{problem}: {sample.summary()[:300]}"
    return ""


def gradient(op, fn, dtype) -> str:
    for sample in op.sample_inputs("cpu", dtype, requires_grad=True):
        torch.manual_seed(42)
        theirs_in = [
            t
            for t in leaves([sample.input, list(sample.args), sample.kwargs])
            if isinstance(t, torch.Tensor) and t.requires_grad
        ]
        theirs = settled(sample, op(sample.input, *sample.args, **sample.kwargs))
        loss = total(torch, leaves(theirs))
        if loss is None or not theirs_in:
            continue
        expected = torch.autograd.grad(loss, theirs_in, allow_unused=True)
        flashlight.manual_seed(42)
        convert = Convert(True)
        ours = fn(convert(sample.input), *convert(sample.args), **convert(sample.kwargs))
        loss = total(flashlight, leaves(settled(sample, ours)))
        if loss is None:
            return f"result does not require grad: {sample.summary()[:200]}"
        found = flashlight.autograd.grad(loss, convert.leaves, allow_unused=True)
        for x, y in zip(found, expected, strict=True):
            if y is None or x is None:
                if (x is None) != (y is None) and np.any(as_numpy(x if y is None else y)):
                    return f"gradient {x} for {y}: {sample.summary()[:200]}"
                continue
            problem = same(x, y, 1e-3)
            if problem and op.name not in UP_TO_SIGN:
                return f"gradient {problem}: {sample.summary()[:300]}"
    return ""


def errors(op, fn, _dtype) -> str:
    problems = [refusal(op, fn, bad.sample_input) for bad in op.error_inputs("cpu")]
    return " ;; ".join(p for p in problems if p)


def refusal(op, fn, sample) -> str:
    """Empty if a call that torch refuses is refused with the same exception."""
    convert = Convert(False)
    try:
        args, kwargs = (convert(sample.input), *convert(sample.args)), convert(sample.kwargs)
    except (TypeError, ValueError, NotImplementedError):
        return ""  # data that flashlight or numpy can not hold is refused all the more
    try:
        op(sample.input, *sample.args, **sample.kwargs)
    except Exception as error:
        expected = error
    else:
        return ""
    try:
        fn(*args, **kwargs)
    except type(expected):
        return ""
    except (TypeError, RuntimeError, ValueError, IndexError, NotImplementedError) as error:
        return f"{type(error).__name__} for {type(expected).__name__}: {str(expected)[:100]} | {str(error)[:100]}"
    return f"not refused ({str(expected)[:150]}): {sample.summary()[:200]}"


CHECKS = {"forward": forward, "gradient": gradient, "errors": errors}


def run(op, kinds) -> dict:
    """The outcome of each kind of check for one operator."""
    fn = caller(op)
    if fn is None:
        return dict.fromkeys(kinds, "missing")
    result = {}
    for kind in kinds:
        dtype = next((d for d in (torch.float32, torch.int64, torch.bool, torch.complex64) if d in op.dtypes), None)
        if dtype is None or (
            kind == "gradient" and not (op.supports_autograd and dtype in (torch.float32, torch.complex64))
        ):
            continue
        if kind == "errors" and op.error_inputs_func is None:
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
    parser.add_argument("--json")
    parser.add_argument("--part", default="0/1", help="i/n: every n-th operator from the i-th")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    part, parts = map(int, options.part.split("/"))
    passed, counted, rows = collections.Counter(), collections.Counter(), {}
    chosen = [op for op in op_db if wanted(op) and (not options.only or op.name in options.only)][part::parts]
    for op in chosen:
        label = op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")
        outcome = run(op, options.kinds.split(","))
        rows[label] = outcome
        for kind, problem in outcome.items():
            counted[kind] += 1
            passed[kind] += not problem
            if problem:
                print(f"{label:45s} {kind:9s} {problem}", flush=True)
    for kind in counted:
        print(f"{kind}: {passed[kind]} of {counted[kind]} ({100 * passed[kind] / counted[kind]:.1f}%)")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
    sys.exit(0)
