"""Pruning: a mask on a parameter, chosen by its values, at random or by hand, applied before every forward."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable

import flashlight

from ..._core.tensor import Tensor, contiguous_format


class BasePruningMethod(ABC):
    """A way of pruning. A subclass sets ``PRUNING_TYPE`` and computes the mask of a tensor.

    ``PRUNING_TYPE`` is "unstructured" (single elements), "structured" (whole channels along ``dim``) or "global".
    """

    _tensor_name: str

    def __call__(self, module, inputs) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for ``t`` on top of ``default_mask``: 1 keeps an element, 0 prunes it."""

    def apply_mask(self, module) -> Tensor:
        """The original tensor times its mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        mask = getattr(module, self._tensor_name + "_mask")
        original = getattr(module, self._tensor_name + "_orig")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module, name: str, *args, importance_scores: Tensor | None = None, **kwargs):
        """Prune the parameter ``name`` of a module, on top of what was pruned before.

        Args:
            importance_scores: what to choose the elements by, the parameter itself by default.
        """
        method = cls._combined(module, name, cls(*args, **kwargs))
        original = getattr(module, name)
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got "
                f"{importance_scores.shape} vs {original.shape}"
            )
        first = not isinstance(method, PruningContainer)
        if first:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
            default_mask = flashlight.ones_like(original, requires_grad=False)
        else:
            default_mask = getattr(module, name + "_mask").detach().clone(memory_format=contiguous_format)
        try:
            mask = method.compute_mask(importance_scores, default_mask=default_mask)
            module.register_buffer(name + "_mask", mask)
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if first:  # leave the module as it was
                module.register_parameter(name, getattr(module, name + "_orig"))
                del module._parameters[name + "_orig"]
            raise
        return method

    @classmethod
    def _combined(cls, module, name: str, method: BasePruningMethod) -> BasePruningMethod:
        """The method with those that prune the tensor already, whose hook is taken out."""
        found = [
            key
            for key, hook in module._forward_pre_hooks.items()
            if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
        ]
        if len(found) > 1:
            raise AssertionError(
                f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a "
                "PruningContainer."
            )
        method._tensor_name = name
        if not found:
            return method
        before = module._forward_pre_hooks.pop(found[0])
        container = before if isinstance(before, PruningContainer) else PruningContainer(before)
        container._tensor_name = name
        container.add_pruning_method(method)
        return container

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A tensor pruned by this method."""
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {importance_scores.shape} vs {t.shape}"
            )
        default_mask = flashlight.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(importance_scores, default_mask=default_mask)

    def remove(self, module) -> None:
        """Make the pruned tensor the parameter."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters[name + "_orig"]
        original.data = weight.data
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods applied one after the other to one tensor."""

    def __init__(self, *args):
        self._pruning_methods: tuple = ()
        if not isinstance(args, Iterable):
            args = (args,)
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method for the same tensor."""
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, idx):
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method among what the others left."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            part = mask == 1
        elif method.PRUNING_TYPE == "global":
            part = slice(None)
        elif method.PRUNING_TYPE == "structured":
            part = self._kept_channels(method, t, mask)
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        inner = method.compute_mask(t[part], default_mask=mask[part])
        mask[part] = inner.to(dtype=mask.dtype)
        return mask

    @staticmethod
    def _kept_channels(method, t: Tensor, mask: Tensor) -> tuple:
        if not hasattr(method, "dim"):
            raise AttributeError(
                'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
            )
        ndim = t.dim()
        dim = method.dim + ndim if method.dim < 0 else method.dim
        if dim >= ndim:
            raise IndexError(f"Index is out of bounds for tensor with dimensions {ndim}")
        alive = mask.sum(dim=[d for d in range(ndim) if d != dim]) != 0
        return tuple(alive if d == dim else slice(None) for d in range(ndim))


# -------------------------------------------------------------------------------------------------------------- methods
class Identity(BasePruningMethod):
    """Prunes nothing."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask

    @classmethod
    def apply(cls, module, name: str):
        """Put a mask of ones on the parameter ``name`` of a module."""
        return super().apply(module, name)


def _with_zeros(mask: Tensor, places: Tensor) -> Tensor:
    """A copy of a mask with zeros at flat places."""
    mask = mask.clone(memory_format=contiguous_format)
    mask.view(-1)[places] = 0
    return mask


class RandomUnstructured(BasePruningMethod):
    """Prunes elements at random: ``amount`` of them, or that share."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _checked_count(self.amount, t.nelement())
        if not count:
            return default_mask.clone(memory_format=contiguous_format)
        chance = flashlight.rand_like(t, requires_grad=False)
        return _with_zeros(default_mask, flashlight.topk(chance.view(-1), k=count).indices)

    @classmethod
    def apply(cls, module, name: str, amount):
        """Prune the parameter ``name`` of a module."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(BasePruningMethod):
    """Prunes the elements of least magnitude: ``amount`` of them, or that share."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _checked_count(self.amount, t.nelement())
        if not count:
            return default_mask.clone(memory_format=contiguous_format)
        smallest = flashlight.topk(flashlight.abs(t.detach()).reshape(-1), k=count, largest=False).indices
        return _with_zeros(default_mask, smallest)

    @classmethod
    def apply(cls, module, name: str, amount, importance_scores: Tensor | None = None):
        """Prune the parameter ``name`` of a module."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


def _channels(t: Tensor, dim: int, chosen: Tensor) -> Tensor:
    """A mask that is 1 in the chosen channels along ``dim``."""
    mask = flashlight.zeros_like(t, requires_grad=False)
    mask.movedim(dim, 0)[chosen] = 1
    return mask


class RandomStructured(BasePruningMethod):
    """Prunes channels along ``dim`` at random: ``amount`` of them, or that share."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim: int = -1):
        _validate_pruning_amount_init(amount)
        self.amount, self.dim = amount, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _validate_structured_pruning(t)
        _validate_pruning_dim(t, self.dim)
        channels = t.shape[self.dim]
        count = _checked_count(self.amount, channels)
        if not count:
            return default_mask
        chance = flashlight.rand(channels)
        kept = chance > flashlight.kthvalue(chance, k=count).values
        return _channels(t, self.dim, kept) * default_mask.to(dtype=t.dtype)

    @classmethod
    def apply(cls, module, name: str, amount, dim: int = -1):
        """Prune the parameter ``name`` of a module."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(BasePruningMethod):
    """Prunes the channels along ``dim`` of least ``n``-norm: ``amount`` of them, or that share."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, n, dim: int = -1):
        _validate_pruning_amount_init(amount)
        self.amount, self.n, self.dim = amount, n, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _validate_structured_pruning(t)
        _validate_pruning_dim(t, self.dim)
        channels = t.shape[self.dim]
        count = _checked_count(self.amount, channels)
        if not count:
            return default_mask
        norms = _compute_norm(t.detach(), self.n, self.dim)
        kept = flashlight.topk(norms, k=channels - count, largest=True).indices
        return _channels(t, self.dim, kept) * default_mask.to(dtype=t.dtype)

    @classmethod
    def apply(cls, module, name: str, amount, n, dim: int, importance_scores: Tensor | None = None):
        """Prune the parameter ``name`` of a module."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes what a given mask has as 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module, name: str, mask: Tensor):
        """Prune the parameter ``name`` of a module."""
        return super().apply(module, name, mask=mask)


# ------------------------------------------------------------------------------------------------------------ functions
def identity(module, name: str):
    """Put a mask of ones on a parameter."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name: str, amount):
    """Prune elements of a parameter at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name: str, amount, importance_scores: Tensor | None = None):
    """Prune the elements of a parameter of least magnitude."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name: str, amount, dim: int):
    """Prune channels of a parameter at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name: str, amount, n, dim: int, importance_scores: Tensor | None = None):
    """Prune the channels of a parameter of least norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module, name: str, mask: Tensor):
    """Prune a parameter by a given mask."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters, pruning_method, importance_scores: dict | None = None, **kwargs) -> None:
    """Prune elements of several parameters, chosen among all of them.

    Args:
        parameters: pairs of module and name. pruning_method: the class of an unstructured method.
        importance_scores: what to choose by, for some of the pairs.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs, given = list(parameters), importance_scores or {}

    def joined(tensors) -> Tensor:
        return flashlight.cat([t.reshape(-1) for t in tensors])

    scores = joined([given.get((module, name), getattr(module, name)) for module, name in pairs]).detach()
    masks = [getattr(module, name + "_mask", None) for module, name in pairs]
    default_mask = joined(
        [
            flashlight.ones_like(getattr(module, name), requires_grad=False) if mask is None else mask
            for (module, name), mask in zip(pairs, masks, strict=True)
        ]
    )
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    mask = container.compute_mask(scores, default_mask)
    start = 0
    for module, name in pairs:
        size = getattr(module, name).numel()
        custom_from_mask(module, name, mask=mask[start : start + size].view_as(getattr(module, name)))
        start += size


def remove(module, name: str):
    """Make the pruned tensor the parameter and take the mask away."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module) -> bool:
    """Whether something in a module is pruned."""
    return any(
        isinstance(hook, BasePruningMethod) for sub in module.modules() for hook in sub._forward_pre_hooks.values()
    )


# --------------------------------------------------------------------------------------------------------------- checks
def _validate_pruning_amount_init(amount) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _validate_pruning_amount(amount, tensor_size: int) -> None:
    if isinstance(amount, numbers.Integral) and amount > tensor_size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={tensor_size}")


def _compute_nparams_toprune(amount, tensor_size: int) -> int:
    return amount if isinstance(amount, numbers.Integral) else round(amount * tensor_size)


def _checked_count(amount, size: int) -> int:
    """How many of ``size`` to prune."""
    count = _compute_nparams_toprune(amount, size)
    _validate_pruning_amount(count, size)
    return count


def _validate_structured_pruning(t: Tensor) -> None:
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {t.dim()} dims"
        )


def _validate_pruning_dim(t: Tensor, dim: int) -> None:
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _compute_norm(t: Tensor, n, dim: int) -> Tensor:
    """The ``n``-norm of each channel along ``dim``."""
    dim = dim + t.dim() if dim < 0 else dim
    return flashlight.norm(t, p=n, dim=[d for d in range(t.dim()) if d != dim])
