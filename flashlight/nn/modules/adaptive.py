"""The softmax over many classes that spends little on the rare ones."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence

import flashlight

from ..._core.tensor import Tensor
from .. import functional as F
from .container import ModuleList
from .container import Sequential as _Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax in two steps (Grave et al. 2017): frequent classes directly, rare ones through their cluster.

    Args:
        cutoffs: where the clusters begin; classes are sorted by falling frequency.
        div_value: each cluster is projected to ``div_value`` times fewer features than the one before.
        head_bias: give the head a bias.
    Shape: (N, in_features) or (in_features), targets (N) or () -> output (N) or () and a scalar loss.
    """

    in_features: int
    n_classes: int
    cutoffs: list[int]
    div_value: float
    head_bias: bool
    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs))
            or cutoffs[0] <= 0
            or cutoffs[-1] > n_classes - 1
            or any(int(c) != c for c in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i, (start, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            hidden = int(in_features // (div_value ** (i + 1)))
            project = Linear(in_features, hidden, bias=False, **made)
            self.tail.append(_Sequential(project, Linear(hidden, end - start, bias=False, **made)))

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.head.reset_parameters()
        for project, out in self.tail:
            project.reset_parameters()
            out.reset_parameters()

    def _check(self, input: Tensor, target: Tensor) -> bool:
        """Whether there is a batch dimension; raises if the shapes do not fit."""
        if target.dim() == 1:
            if input.shape[0] != target.shape[0]:
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input.dim() != 2:
                raise RuntimeError(
                    f"1D target tensor expects 2D input tensors, but found inputs with size {input.size()}"
                )
            return True
        if target.dim() != 0:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input.dim() != 1:
            raise RuntimeError(f"0D target tensor expects 1D input tensors, but found inputs with size {input.size()}")
        return False

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """The log-probability of each target and the mean of their negatives."""
        batched = self._check(input_, target_)
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        low, high = int(target.min()), int(target.max())
        if low < 0 or high >= self.n_classes:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{low}, {high}] were "
                "found. "
            )
        head = F.log_softmax(self.head(input), dim=1)
        column = target  # of the head: the class, or the cluster of a rare class
        rows, extra = [], []
        for i, (start, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            mine = (target >= start) & (target < end)
            row = mine.nonzero().squeeze(1)
            if row.numel() == 0:
                continue
            column = flashlight.where(mine, self.shortlist_size + i, column)
            cluster = F.log_softmax(self.tail[i](input.index_select(0, row)), dim=1)
            inside = target.index_select(0, row) - start
            rows.append(row)
            extra.append(cluster.gather(1, inside.unsqueeze(1)).squeeze(1))
        output = head.gather(1, column.unsqueeze(1)).squeeze(1)
        if rows:
            output = output.index_add(0, flashlight.cat(rows), flashlight.cat(extra))
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        """All log-probabilities, given the output of the head."""
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            cluster = F.log_softmax(tail(input), dim=1)
            parts.append(cluster + head[:, self.shortlist_size + i].unsqueeze(1))
        return flashlight.cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes: (N, in_features) -> (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each sample; rare clusters are computed only where the head chooses one."""
        head = self.head(input)
        best = flashlight.argmax(head, dim=1)
        rare = best >= self.shortlist_size
        if not rare.any():
            return best
        if rare.all():
            return flashlight.argmax(self._get_full_log_prob(input, head), dim=1)
        rows = rare.nonzero().squeeze(1)
        full = self._get_full_log_prob(input.index_select(0, rows), head.index_select(0, rows))
        best[rows] = flashlight.argmax(full, dim=1)
        return best
