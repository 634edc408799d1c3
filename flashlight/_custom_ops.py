"""torch._custom_ops: the old path of torch.library; import lines work."""

from __future__ import annotations

from ._core import absent

globals().update(absent.names("_custom_ops", "get_ctx custom_op impl impl_abstract", "use torch.library.custom_op"))
