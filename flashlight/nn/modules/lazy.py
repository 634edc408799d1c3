"""Modules that learn the shapes of their parameters from the first input."""

from __future__ import annotations

from ..._core.modes import no_grad
from ..._core.tensor import Tensor
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Mix in before the module class: parameters may be uninitialized until the first call.

    A subclass sets ``cls_to_become``, the class the module turns into, and ``initialize_parameters(*args, **kwargs)``.
    """

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination, prefix: str, keep_vars: bool) -> None:
        # an uninitialized tensor has no value to detach: it is saved itself
        tables = (self._parameters.items(), self._persistent_buffers())
        for name, value in (item for table in tables for item in table):
            if value is not None:
                destination[prefix + name] = value if is_lazy(value) or keep_vars else value.detach()

    def _lazy_load_hook(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        """Give uninitialized tensors the shape of what is being loaded."""
        for table in (self._parameters, self._buffers):
            for name, value in table.items():
                new = state_dict.get(prefix + name)
                if is_lazy(value) and isinstance(new, Tensor) and not is_lazy(new):
                    with no_grad():
                        value.materialize(new.shape)

    def initialize_parameters(self, *args, **kwargs) -> None:
        """Give the parameters their shape from the first input; a subclass overrides it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer has no shape yet."""
        return any(is_lazy(value) for table in (self._parameters, self._buffers) for value in table.values())

    def _infer_parameters(self, module, args, kwargs=None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to "
            "correctly initialize the modules"
        )
