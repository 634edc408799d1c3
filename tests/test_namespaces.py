"""Import lines of PyTorch programs work, and what is not there says what to do instead."""

from __future__ import annotations

import importlib

import pytest
import torch

import flashlight

# submodules that programs import from
IMPORTED = """
    _C _C._distributed_rpc _custom_ops _dynamo _dynamo._trace_wrapped_higher_order_op _dynamo.config _dynamo.exc
    _dynamo.utils _inductor.config _inductor.cpu_vec_isa _inductor.runtime.cache_dir_utils _jit_internal
    _subclasses.fake_tensor _tensor_str amp amp.grad_scaler ao ao.quantization autograd autograd.function
    autograd.functional autograd.graph autograd.profiler backends.cudnn backends.opt_einsum compiler cuda
    cuda.amp cuda.amp.grad_scaler cuda.nccl distributed distributed._composable.fsdp
    distributed._functional_collectives distributed._tensor distributed._tensor.device_mesh
    distributed.algorithms._checkpoint.checkpoint_wrapper distributed.algorithms.ddp_comm_hooks
    distributed.algorithms.ddp_comm_hooks.default_hooks distributed.algorithms.ddp_comm_hooks.post_localSGD_hook
    distributed.algorithms.ddp_comm_hooks.powerSGD_hook distributed.algorithms.join
    distributed.algorithms.model_averaging.averagers distributed.autograd distributed.checkpoint
    distributed.checkpoint.default_planner distributed.checkpoint.format_utils distributed.checkpoint.optimizer
    distributed.checkpoint.state_dict distributed.checkpoint.state_dict_loader distributed.constants
    distributed.device_mesh distributed.distributed_c10d distributed.fsdp distributed.fsdp.api
    distributed.fsdp.fully_sharded_data_parallel distributed.fsdp.sharded_grad_scaler distributed.fsdp.wrap
    distributed.launcher.api distributed.nn distributed.nn.functional distributed.optim distributed.pipelining
    distributed.rpc distributed.run distributed.tensor distributed.tensor.experimental
    distributed.tensor.experimental._attention distributed.tensor.parallel distributed.utils distributions
    distributions.categorical distributions.constraints distributions.kl distributions.normal
    distributions.transforms distributions.utils fft func futures fx fx._symbolic_trace
    fx.experimental.proxy_tensor fx.graph_module fx.node hub jit jit.annotations library linalg multiprocessing
    nested nn nn.attention nn.attention.flex_attention nn.functional nn.init nn.modules nn.modules.activation
    nn.modules.batchnorm nn.modules.dropout nn.modules.instancenorm nn.modules.linear nn.modules.loss
    nn.modules.module nn.modules.normalization nn.modules.rnn nn.modules.transformer nn.modules.utils
    nn.parallel nn.parallel.distributed nn.parallel.scatter_gather nn.parameter nn.utils nn.utils.fusion
    nn.utils.parametrizations nn.utils.parametrize nn.utils.prune nn.utils.rnn nn.utils.stateless numa.binding
    onnx onnx._internal.exporter onnx.operators onnx.symbolic_helper onnx.symbolic_opset11 optim
    optim.lr_scheduler optim.optimizer optim.swa_utils overrides profiler quantization serialization special
    storage types utils utils._pytree utils.checkpoint utils.cpp_extension utils.data utils.data._utils.collate
    utils.data._utils.pin_memory utils.data.dataloader utils.data.datapipes.iter
    utils.data.datapipes.iter.combinatorics utils.data.dataset utils.data.distributed utils.data.sampler
    utils.dlpack utils.flop_counter utils.hooks utils.mobile_optimizer utils.model_zoo utils.tensorboard
    utils.tensorboard.summary version
"""


@pytest.mark.parametrize("name", IMPORTED.split())
def test_import(name):
    module = importlib.import_module(f"flashlight.{name}")
    assert module.__doc__


def test_through_the_torch_name():
    import subprocess
    import sys

    code = (
        "from flashlight.interop import torch_imports; torch_imports.install();"
        "from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy; from torch.fx.node import Node;"
        "import torch.utils._pytree, torch._dynamo; print(torch.__spec__.name)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "flashlight"


def test_eager_is_what_is_compiled():
    def f(x):
        return x + 1

    assert flashlight.compile(f) is f and flashlight.compile(mode="reduce-overhead")(f) is f
    assert flashlight.jit.script(f) is f and flashlight.jit.ignore(f) is f and flashlight.jit.unused(f) is f
    assert flashlight.jit.ignore(drop=True)(f) is f
    assert flashlight.compiler.disable(f) is f and flashlight._dynamo.disable(f) is f
    calls = []
    model = flashlight.nn.ReLU()
    model.register_forward_hook(lambda *_: calls.append(1))
    assert flashlight.jit.trace(model, flashlight.ones(2)) is model and calls == [1]
    assert flashlight.jit.freeze(model.eval()) is model
    for state in (
        "jit.is_scripting",
        "jit.is_tracing",
        "compiler.is_compiling",
        "onnx.is_in_onnx_export",
        "distributed.is_initialized",
    ):
        space, _, name = state.partition(".")
        assert getattr(getattr(flashlight, space), name)() is getattr(getattr(torch, space), name)() is False
    with pytest.raises(RuntimeError, match="Unrecognized mode"):
        flashlight.compile(f, mode="fast")
    assert flashlight.jit.wait(flashlight.jit.fork(f, 2)) == 3
    assert not isinstance(model, flashlight.jit.ScriptModule)


def test_distributed():
    dist = flashlight.distributed
    assert not dist.is_available() and not dist.is_nccl_available() and not dist.is_torchelastic_launched()
    for name, args in (("get_rank", ()), ("get_world_size", ()), ("barrier", ()), ("get_backend", ())):
        with pytest.raises(ValueError) as theirs:
            getattr(torch.distributed, name)(*args)
        with pytest.raises(ValueError) as ours:
            getattr(dist, name)(*args)
        assert str(ours.value) == str(theirs.value)
    with pytest.raises(RuntimeError, match="one process on one device"):
        dist.init_process_group("nccl")


@pytest.mark.parametrize(
    "call",
    [
        lambda: flashlight.onnx.export(None, (), "x.onnx"),
        lambda: flashlight.fx.symbolic_trace(flashlight.nn.ReLU()),
        lambda: flashlight.export.export(flashlight.nn.ReLU(), ()),
        lambda: flashlight.jit.load("x.pt"),
        lambda: flashlight.quantization.quantize_dynamic(flashlight.nn.ReLU()),
        lambda: importlib.import_module("flashlight.distributed.fsdp").FullyShardedDataParallel(flashlight.nn.ReLU()),
        lambda: flashlight.nested.nested_tensor([]),
        lambda: flashlight.sparse.spdiags(None),
        lambda: importlib.import_module("flashlight.utils.cpp_extension").load("x"),
    ],
)
def test_what_is_not_there(call):
    with pytest.raises(NotImplementedError, match=r"is not supported by flashlight: .+") as error:
        call()
    assert "\n" not in str(error.value)


def test_absent_classes_take_part_in_isinstance():
    fsdp = importlib.import_module("flashlight.distributed.fsdp")
    assert not isinstance(flashlight.ones(1), fsdp.FullyShardedDataParallel)
    assert importlib.import_module("flashlight.fx.node").Node is flashlight.fx.Node


def test_custom_operators():
    library = flashlight.library

    @library.custom_op("test::double", mutates_args=())
    def double(x: flashlight.Tensor) -> flashlight.Tensor:
        return x * 2

    @double.register_fake
    def _(x):
        return flashlight.empty_like(x)

    x = flashlight.ones(3, requires_grad=True)
    double(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    library.register_autograd("test::double", lambda ctx, g: g * 5, setup_context=lambda ctx, inputs, output: None)
    x.grad = None
    double(x).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 5.0]
    with pytest.raises(ValueError, match="namespace::name"):
        library.custom_op("double", mutates_args=())


def test_futures():
    futures = flashlight.futures
    first, second = futures.Future(), futures.Future()
    after = first.then(lambda f: f.wait() + 1)
    both = futures.collect_all([first, second])
    first.set_result(1)
    assert after.wait() == 2 and not both.done()
    second.set_exception(KeyError("k"))
    assert both.done()
    with pytest.raises(KeyError):
        futures.wait_all([first, second])
    with pytest.raises(RuntimeError):
        first.set_result(2)


def test_accelerators():
    assert flashlight.accelerator.is_available() is flashlight.mps.is_available()
    assert flashlight.cpu.is_available() and flashlight.cpu.device_count() == 1
    assert not flashlight.xpu.is_available()
    with pytest.raises(AssertionError, match="XPU"):
        flashlight.xpu.synchronize()


def test_private_names_programs_touch():
    text = importlib.import_module("flashlight._tensor_str")
    with text.printoptions(precision=2):
        assert text._str(flashlight.tensor([1.2345])) == "tensor([1.23])"
        assert text._tensor_str(flashlight.tensor([1.2345]), 0) == "[1.23]"
    assert text._add_suffixes("tensor([1.]", ["a=1"], 7, False) == "tensor([1.], a=1)"
    core = importlib.import_module("flashlight._C")
    device, dtype, non_blocking, format = core._nn._parse_to("cpu", flashlight.float64)
    assert (str(device), dtype, non_blocking, format) == ("cpu", flashlight.float64, False, None)
    with flashlight._dynamo.config.patch(cache_size_limit=64):
        assert flashlight._dynamo.config.cache_size_limit == 64
    assert flashlight._dynamo.config.cache_size_limit == 8
    assert importlib.import_module("flashlight._jit_internal").is_scripting() is False
