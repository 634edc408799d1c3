"""How modules give and take their state: state_dict, load_state_dict and the hooks around them."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from ..._core.hooks import RemovableHandle
from ..._core.modes import no_grad
from ..._core.tensor import Tensor, read
from ..parameter import Parameter, is_lazy

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"
_EXTRA_STATE_ERROR = (
    "Reached a code path in Module.{}() that should never be called: a subclass that has extra state overrides "
    "get_extra_state and set_extra_state"
)


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """The keys ``load_state_dict`` did not find and those it did not know."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class WithModule:
    """A hook that is given the module it was registered on."""

    def __init__(self, hook, module):
        self.hook, self.module = hook, module
        self.with_module = True

    def __call__(self, *args, **kwargs):
        return self.hook(self.module, *args, **kwargs)


class StateDict:
    """The part of Module that saves and loads."""

    _version: int = 1

    # ------------------------------------------------------------------------------------------------------------ hooks
    def _register_state_dict_hook(self, hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after saving; what it returns replaces the
        state_dict.
        """
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after saving, to change the state_dict in place."""
        hook._from_public_api = True
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before saving."""
        return _add(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook, with_module: bool = False) -> RemovableHandle:
        """Call ``hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`` before
        loading.
        """
        return _add(self._load_state_dict_pre_hooks, WithModule(hook, self) if with_module else hook)

    def register_load_state_dict_pre_hook(self, hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, ...)`` before loading: the arguments of ``_load_from_state_dict``."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading, to change the lists in place."""
        return _add(self._load_state_dict_post_hooks, hook)

    # ----------------------------------------------------------------------------------------------------------- saving
    def get_extra_state(self):
        """What to save beside the tensors; a subclass that overrides this overrides ``set_extra_state`` too."""
        raise RuntimeError(_EXTRA_STATE_ERROR.format("get_extra_state"))

    def set_extra_state(self, state) -> None:
        """Take back what ``get_extra_state`` gave."""
        raise RuntimeError(_EXTRA_STATE_ERROR.format("set_extra_state"))

    def _persistent_buffers(self):
        skip = self._non_persistent_buffers_set
        return ((name, buf) for name, buf in self._buffers.items() if name not in skip)

    def _save_to_state_dict(self, destination, prefix: str, keep_vars: bool) -> None:
        """Save what this module itself holds."""
        for group in (self._parameters.items(), self._persistent_buffers()):
            for name, value in group:
                if value is not None:
                    destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not StateDict.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix: str = "", keep_vars: bool = False):
        """Every parameter and persistent buffer by its full name, sharing the module's storage.

        Args:
            destination: the dictionary to fill. prefix: put before every name.
            keep_vars: give the parameters themselves, not detached tensors.
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            answer = hook(self, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if answer is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif answer is not None:
                destination = answer
        return destination

    # ---------------------------------------------------------------------------------------------------------- loading
    def _load_from_state_dict(
        self, state_dict, prefix: str, local_metadata: dict, strict: bool, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        """Load what this module itself holds, noting in the three lists what was missing, unknown or wrong."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = {**self._parameters, **dict(self._persistent_buffers())}
        own = {name: value for name, value in own.items() if value is not None}
        for name, value in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_one(name, value, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if type(self).set_extra_state is not StateDict.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    head, dot, _ = key[len(prefix) :].partition(".")
                    if head not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _load_one(self, name: str, value: Tensor, key: str, new, assign: bool, error_msgs: list) -> None:
        if not isinstance(new, Tensor):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                f"checkpoint but received {type(new)}"
            )
            return
        lazy = is_lazy(value)
        if not lazy and value.ndim == 0 and new.ndim == 1:
            new = new[0]  # what was saved before 0-dimensional tensors existed
        if not lazy and new.shape != value.shape:
            error_msgs.append(
                f"size mismatch for {key}: copying a param with shape {new.shape} from checkpoint, the shape in "
                f"current model is {value.shape}."
            )
            return
        if value.is_meta and not new.is_meta and not assign:
            warnings.warn(
                f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current "
                "model, which is a no-op. (Did you mean to pass `assign=True` to assign items in the state "
                "dictionary to their corresponding key in the module instead of copying them in place?)",
                stacklevel=5,
            )
            return
        try:
            self._take(name, value, new, assign)
        except Exception as error:  # gathered: load_state_dict raises them together
            error_msgs.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are {value.size()} and '
                f"whose dimensions in the checkpoint are {new.size()}, an exception occurred : {error.args}."
            )

    def _take(self, name: str, value: Tensor, new: Tensor, assign: bool) -> None:
        with no_grad():
            if not assign:
                value.copy_(new)
                return
            if isinstance(value, Parameter):
                if isinstance(new, Parameter):
                    new.requires_grad_(value.requires_grad)
                else:
                    new = Parameter(new, requires_grad=value.requires_grad)
            read(new)
            setattr(self, name, new)

    def load_state_dict(self, state_dict: Mapping, strict: bool = True, assign: bool = False) -> _IncompatibleKeys:
        """Copy parameters and buffers from ``state_dict`` into this module.

        Args:
            strict: raise if a key is missing or unknown.
            assign: put the given tensors into the module instead of copying their values.
        Raises: RuntimeError that lists everything that did not fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing_keys: list = []
        unexpected_keys: list = []
        error_msgs: list = []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, state: dict, prefix: str) -> None:
            local = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local["assign_to_params_buffers"] = assign
            module._load_from_state_dict(state, prefix, local, True, missing_keys, unexpected_keys, error_msgs)
            module._settle()
            for name, child in module._modules.items():
                if child is not None:
                    inner = f"{prefix}{name}."
                    load(child, {k: v for k, v in state.items() if k.startswith(inner)}, inner)
            keys = _IncompatibleKeys(missing_keys, unexpected_keys)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )

        load(self, state_dict, "")
        if strict:
            for what, keys in (("Unexpected", unexpected_keys), ("Missing", missing_keys)):
                if keys:
                    names = ", ".join(f'"{k}"' for k in keys)
                    error_msgs.insert(0, f"{what} key(s) in state_dict: {names}. ")
        if error_msgs:
            listed = "\n\t".join(error_msgs)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return _IncompatibleKeys(missing_keys, unexpected_keys)


def _add(hooks: dict, hook) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
