"""Errors in torch's words, for conditions met in more than one place."""

from __future__ import annotations

from typing import NamedTuple


class NeedsValues(RuntimeError):
    """A function that is computed on the host met arrays that are being traced, which have no values yet."""


def freed_graph() -> RuntimeError:
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
        "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
        "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
        "after calling backward."
    )


def modified_in_place(node) -> RuntimeError:
    """A value that ``node``'s rule reads was written to."""
    shape = ""
    if node.inputs is not None:
        changed = [t for t in node.inputs if getattr(t, "_version", 0)]
        if changed:
            t = changed[-1]
            shape = f" [{t.type()} {list(t.shape)}], which is at version {t._version}"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation:"
        f"{shape or f' output 0 of {node.name()}'}; expected an earlier version instead. Hint: enable anomaly detection to find "
        "the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True)."
    )


def leaf_in_place(view: bool) -> RuntimeError:
    return RuntimeError(
        f"a {'view of a ' if view else ''}leaf Variable that requires grad is being used in an in-place operation."
    )


def cannot_cast(have: str, want: str) -> RuntimeError:
    return RuntimeError(f"result type {have} can't be cast to the desired output type {want}")


def grouped_view(output: str, when: str) -> RuntimeError:
    return RuntimeError(
        f"Output {output} is a view {when} modified inplace. This view is the output of a function that returns multiple views. "
        "Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an "
        "out-of-place one."
    )


class Shaped(NamedTuple):
    """What is known of an operand that is yet to be computed."""

    shape: tuple


def size_mismatch(arrays) -> RuntimeError | None:
    """torch's error for the first two operands whose shapes do not broadcast, None if all do."""
    shape: tuple = ()
    for a in arrays:
        other = getattr(a, "shape", ())
        joined = list(max(shape, other, key=len))
        for i in range(1, min(len(shape), len(other)) + 1):
            n, m = shape[-i], other[-i]
            if n != m and 1 not in (n, m):
                return RuntimeError(
                    f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension "
                    f"{len(joined) - i}"
                )
            joined[-i] = m if n == 1 else n
        shape = tuple(joined)
    return None
