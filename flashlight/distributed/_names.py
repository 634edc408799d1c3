"""What PyTorch programs import from the submodules of torch.distributed."""

from __future__ import annotations

_FSDP = """
    FullyShardedDataParallel FSDPModule fully_shard MixedPrecision MixedPrecisionPolicy CPUOffload CPUOffloadPolicy
    OffloadPolicy ShardingStrategy BackwardPrefetch StateDictType OptimStateKeyType FullStateDictConfig
    LocalStateDictConfig ShardedStateDictConfig FullOptimStateDictConfig LocalOptimStateDictConfig
    ShardedOptimStateDictConfig StateDictConfig OptimStateDictConfig StateDictSettings UnshardHandle
    register_fsdp_forward_method
"""
_MESH = "DeviceMesh=distributed:DeviceMesh init_device_mesh=distributed:init_device_mesh"
_TENSOR = (
    "DTensor Placement Shard Replicate Partial distribute_tensor distribute_module zeros ones empty full rand randn"
)
_COMMON = """
    ReduceOp=distributed:ReduceOp group=distributed:group GroupMember=distributed:GroupMember
    get_rank=distributed:get_rank get_world_size=distributed:get_world_size ProcessGroup=distributed:ProcessGroup
    is_xccl_available=distributed:is_xccl_available is_initialized=distributed:is_initialized
"""
_SAVED = "load save load_state_dict save_state_dict async_save"

# parents come before their children
MODULES = {
    "_composable": "checkpoint replicate",
    "_composable.fsdp": "FSDPModule fully_shard MixedPrecisionPolicy OffloadPolicy CPUOffloadPolicy",
    "_functional_collectives": """
        all_reduce all_gather_tensor all_gather_tensor_autograd all_to_all_single all_to_all_single_autograd
        permute_tensor reduce_scatter_tensor reduce_scatter_tensor_autograd broadcast wait_tensor AsyncCollectiveTensor
    """,
    "device_mesh": _MESH,
    "tensor": _TENSOR,
    "tensor.device_mesh": _MESH,
    "tensor.placement_types": "Placement Shard Replicate Partial",
    "tensor.experimental": "context_parallel implicit_replication local_map register_sharding",
    "tensor.experimental._attention": "context_parallel set_rotate_method",
    "tensor.parallel": """
        ColwiseParallel RowwiseParallel SequenceParallel PrepareModuleInput PrepareModuleOutput PrepareModuleInputOutput
        ParallelStyle parallelize_module loss_parallel
    """,
    "_tensor": _TENSOR,
    "_tensor.device_mesh": _MESH,
    "algorithms": "",
    "algorithms._checkpoint": "",
    "algorithms._checkpoint.checkpoint_wrapper": """
        checkpoint_wrapper offload_wrapper apply_activation_checkpointing CheckpointImpl CheckpointWrapper OffloadWrapper
        ActivationWrapper
    """,
    "algorithms.ddp_comm_hooks": "DDPCommHookType register_ddp_comm_hook",
    "algorithms.ddp_comm_hooks.default_hooks": """
        allreduce_hook fp16_compress_hook fp16_compress_wrapper bf16_compress_hook bf16_compress_wrapper
    """,
    "algorithms.ddp_comm_hooks.post_localSGD_hook": "PostLocalSGDState post_localSGD_hook",
    "algorithms.ddp_comm_hooks.powerSGD_hook": "PowerSGDState powerSGD_hook batched_powerSGD_hook",
    "algorithms.join": "Join Joinable JoinHook",
    "algorithms.model_averaging": "",
    "algorithms.model_averaging.averagers": "ModelAverager PeriodicModelAverager",
    "autograd": "backward context get_gradients",
    "checkpoint": _SAVED
    + """
        FileSystemReader FileSystemWriter StorageReader StorageWriter SavePlanner LoadPlanner DefaultSavePlanner
        DefaultLoadPlanner CheckpointException Metadata BytesStorageMetadata TensorStorageMetadata
    """,
    "checkpoint.default_planner": "DefaultSavePlanner DefaultLoadPlanner _EmptyStateDictLoadPlanner",
    "checkpoint.filesystem": "FileSystemReader FileSystemWriter",
    "checkpoint.format_utils": "_EmptyStateDictLoadPlanner _load_state_dict dcp_to_torch_save torch_save_to_dcp",
    "checkpoint.optimizer": "load_sharded_optimizer_state_dict",
    "checkpoint.planner": "SavePlanner LoadPlanner SavePlan LoadPlan",
    "checkpoint.state_dict": """
        StateDictOptions get_state_dict set_state_dict get_model_state_dict set_model_state_dict
        get_optimizer_state_dict set_optimizer_state_dict _init_optim_state
    """,
    "checkpoint.state_dict_loader": "load load_state_dict _load_state_dict",
    "checkpoint.state_dict_saver": "save save_state_dict async_save",
    "checkpoint.stateful": "Stateful",
    "constants": "default_pg_timeout",
    "distributed_c10d": _COMMON + "_get_default_group",
    "elastic": "",
    "elastic.multiprocessing": "Std",
    "elastic.multiprocessing.errors": "record ChildFailedError ProcessFailure",
    "fsdp": _FSDP,
    "fsdp.api": _FSDP,
    "fsdp.fully_sharded_data_parallel": _FSDP,
    "fsdp.sharded_grad_scaler": "ShardedGradScaler",
    "fsdp.wrap": """
        size_based_auto_wrap_policy transformer_auto_wrap_policy always_wrap_policy lambda_auto_wrap_policy
        enable_wrap wrap ModuleWrapPolicy CustomPolicy
    """,
    "launcher": "",
    "launcher.api": "LaunchConfig elastic_launch launch_agent",
    "nn": "RemoteModule all_gather all_reduce all_to_all broadcast gather reduce reduce_scatter scatter",
    "nn.functional": "all_gather all_reduce all_to_all all_to_all_single broadcast gather reduce reduce_scatter scatter",
    "optim": "DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer",
    "pipelining": "ScheduleGPipe Schedule1F1B PipelineStage SplitPoint pipeline pipe_split",
    "rpc": """
        init_rpc shutdown rpc_async rpc_sync remote RRef get_worker_info TensorPipeRpcBackendOptions WorkerInfo BackendType
    """,
    "rpc.api": "_all_gather",
    "rpc.functions": "async_execution",
    "run": "get_args_parser run main",
    "utils": "_sync_module_states",
}
