"""torch.nested: tensors of several lengths are not there; import lines work."""

from __future__ import annotations

from ._core import absent

globals().update(
    absent.names(
        "nested",
        "nested_tensor as_nested_tensor to_padded_tensor narrow masked_select nested_tensor_from_jagged",
        "pad with torch.nn.utils.rnn.pad_sequence and keep the lengths",
    )
)
