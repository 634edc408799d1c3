"""DistributedDataParallel."""

from __future__ import annotations

import contextlib

import mlx.core as mx

from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Runs ``module`` in a job of one process, where there are no gradients to exchange.

    Args:
        module: the model; its state_dict gets torch's ``module.`` prefix.
        device_ids, output_device, dim: labels, kept for code that reads them. The other arguments tune the exchange of
        gradients between processes.
    Raises: RuntimeError in a job of several processes.
    """

    def __init__(
        self,
        module: Module,
        device_ids=None,
        output_device=None,
        dim: int = 0,
        broadcast_buffers: bool | None = None,
        init_sync: bool = True,
        process_group=None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params=None,
        param_to_hook_all_reduce=None,
        mixed_precision=None,
        device_mesh=None,
        skip_all_reduce_unused_params: bool = False,
        bucket_cap_mb_list: list[int] | None = None,
        batched_grad_copy: bool = False,
        forward_sync_buffers: bool | None = None,
    ):
        super().__init__()
        processes = mx.distributed.init().size()
        if processes > 1:
            raise RuntimeError(
                f"DistributedDataParallel does not exchange gradients between the {processes} processes of this job: "
                "average them after backward with flashlight.distributed.all_reduce(param.grad) / world_size"
            )
        if not any(param.requires_grad for param in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        self.module, self.dim, self.process_group = module, dim, process_group
        self.device_ids, self.output_device = device_ids, output_device
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters
        self.gradient_as_bucket_view, self.static_graph = gradient_as_bucket_view, static_graph
        self.require_backward_grad_sync = True

    @contextlib.contextmanager
    def no_sync(self):
        """Inside, gradients are only accumulated."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)
