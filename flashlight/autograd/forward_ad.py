"""Forward-mode differentiation is not there; what asks for it is told what to use instead."""

from __future__ import annotations


def _refuse(*_args, **_kwargs):
    raise NotImplementedError("forward-mode differentiation (autograd.forward_ad) is not supported: use torch.func.jvp")


dual_level = make_dual = unpack_dual = enter_dual_level = exit_dual_level = _refuse
