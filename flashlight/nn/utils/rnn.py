"""Sequences of different lengths: packed one time step after the other, or padded to the longest.

Shapes: B sequences, T time steps, * features.
"""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Iterable

import flashlight

from ..._core.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

PackedSequence_ = namedtuple("PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])
PackedSequence_.__annotations__ = {
    "data": Tensor,
    "batch_sizes": Tensor,
    "sorted_indices": Tensor | None,
    "unsorted_indices": Tensor | None,
}


class PackedSequence(PackedSequence_):
    """The data of all sequences, time step by time step, longest sequence first.

    ``batch_sizes[t]`` sequences have a step ``t``; ``sorted_indices`` are the sequences in the order of their lengths.
    """

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:  # data is (data, batch_sizes)
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if not batch_sizes.is_cpu:
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in "
                "nn.utils.rnn. https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs) -> PackedSequence:
        """Convert the data, and move the indices with it."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = [
            None if indices is None else indices.to(data.device)
            for indices in (self.sorted_indices, self.unsorted_indices)
        ]
        return type(self)(data, self.batch_sizes, *moved)

    def cpu(self, *args, **kwargs) -> PackedSequence:
        """Under the device label ``cpu``."""
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args, **kwargs) -> PackedSequence:
        """Under the device label ``cuda``."""
        return self.to(*args, **{"device": "cuda", **kwargs})

    def double(self) -> PackedSequence:
        """The data as float64."""
        return self.to(dtype=flashlight.double)

    def float(self) -> PackedSequence:
        """The data as float32."""
        return self.to(dtype=flashlight.float)

    def half(self) -> PackedSequence:
        """The data as float16."""
        return self.to(dtype=flashlight.half)

    def long(self) -> PackedSequence:
        """The data as int64."""
        return self.to(dtype=flashlight.long)

    def int(self) -> PackedSequence:
        """The data as int32."""
        return self.to(dtype=flashlight.int)

    def short(self) -> PackedSequence:
        """The data as int16."""
        return self.to(dtype=flashlight.short)

    def char(self) -> PackedSequence:
        """The data as int8."""
        return self.to(dtype=flashlight.int8)

    def byte(self) -> PackedSequence:
        """The data as uint8."""
        return self.to(dtype=flashlight.uint8)

    def pin_memory(self) -> PackedSequence:
        """The sequence itself: all memory can be reached by the GPU."""
        return self

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another; None for None."""
    if permutation is None:
        return None
    places = flashlight.arange(permutation.numel(), device=permutation.device)
    return flashlight.empty_like(permutation).scatter_(0, permutation, places)


# -------------------------------------------------------------------------------------------------------------- packing
def pack_padded_sequence(
    input: Tensor, lengths, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences: (T, B, *), or (B, T, *) if ``batch_first``.

    Args:
        enforce_sorted: the sequences have to come longest first; otherwise they are sorted.
    """
    lengths = flashlight.as_tensor(lengths, dtype=flashlight.int64)
    order = None
    if not enforce_sorted:
        lengths, order = flashlight.sort(lengths, descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    if lengths.dim() != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D cpu Long tensor"
        )
    if batch_first:
        input = input.transpose(0, 1)
    steps, batch = input.size(0), input.size(1)
    _check_lengths(lengths.tolist(), steps, batch, input.numel())
    # (T, B): which steps of which sequences there are
    present = flashlight.arange(int(lengths[0])).unsqueeze(1) < lengths
    rows = present.flatten().nonzero().squeeze(1)
    data = input.reshape(steps * batch, *input.shape[2:]).index_select(0, rows)
    return PackedSequence(data, present.sum(1), order, None)


def _check_lengths(lengths: list, steps: int, batch: int, size: int) -> None:
    if len(lengths) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={batch})"
        )
    if size == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if any(n <= 0 for n in lengths):
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(a < b for a, b in itertools.pairwise(lengths)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if lengths[0] > steps:
        raise RuntimeError(f"Expected lengths of at most {steps}, the number of time steps, but got {lengths[0]}")


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded sequences, (T, B, *) or (B, T, *) if ``batch_first``, and their lengths.

    Args:
        total_length: how many steps to pad to, those of the longest sequence by default.
    """
    sizes = sequence.batch_sizes
    longest, batch = sizes.numel(), int(sizes[0])
    steps = longest if total_length is None else total_length
    if steps < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={steps} and max sequence length being {longest}"
        )
    data = sequence.data
    present = flashlight.arange(batch) < sizes.unsqueeze(1)  # (T, B)
    rows = present.flatten().nonzero().squeeze(1)
    flat = data.new_full((steps * batch, *data.shape[1:]), padding_value)
    padded = flat.index_put((rows,), data).reshape(steps, batch, *data.shape[1:])
    lengths = present.sum(0)
    if batch_first:
        padded = padded.transpose(0, 1)
    if sequence.unsorted_indices is None:
        return padded, lengths
    order = sequence.unsorted_indices
    return padded.index_select(0 if batch_first else 1, order), lengths.index_select(0, order)


# -------------------------------------------------------------------------------------------------------------- padding
def pad_sequence(
    sequences, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack sequences (T_i, *) padded to the longest: (T, B, *), or (B, T, *) if ``batch_first``."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    first = sequences[0]
    for other in sequences[1:]:
        for dim in range(1, first.dim()):
            if other.dim() != first.dim() or other.size(dim) != first.size(dim):
                raise RuntimeError(
                    f"The size of tensor a ({first.size(dim)}) must match the size of tensor b "
                    f"({other.size(dim) if dim < other.dim() else 1}) at non-singleton dimension {dim}"
                )
    steps = max(t.size(0) for t in sequences)
    padded = []
    for t in sequences:
        rest = t.new_full((steps - t.size(0), *t.shape[1:]), padding_value)
        padded.append(flashlight.cat([t, rest] if padding_side == "right" else [rest, t]).to(first.dtype))
    return flashlight.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded tensor, each without its padding."""
    by_sequence = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [t[:n] for t, n in zip(by_sequence, lengths.tolist(), strict=False)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (T_i, *)."""
    lengths = flashlight.as_tensor([t.size(0) for t in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed one."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
