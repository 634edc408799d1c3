"""torch._subclasses: fake tensors are not there; use the "meta" device for shapes without data."""

from __future__ import annotations

from .._core import absent

_ADVICE = 'use tensors on device "meta" for shapes without data'
globals().update(absent.names("_subclasses", "FakeTensor FakeTensorMode CrossRefFakeMode", _ADVICE))
absent.modules(
    "_subclasses",
    {"fake_tensor": "FakeTensor=_subclasses:FakeTensor FakeTensorMode=_subclasses:FakeTensorMode"},
    _ADVICE,
)


def _is_fake(x) -> bool:
    """False: there are no fake tensors."""
    return isinstance(x, FakeTensor)  # noqa: F821


from . import fake_tensor as _fake_tensor  # noqa: E402

_fake_tensor.is_fake = _is_fake
