"""torch.ao: quantisation lives here in PyTorch; only its names do in flashlight."""

from __future__ import annotations

from .._core import absent

_ADVICE = "quantised modules are not there; cast the model with model.half() or .bfloat16(), or use mlx.nn.quantize on an MLX model"
_QUANTIZATION = """
    QuantStub DeQuantStub QuantWrapper QConfig QConfigMapping ObserverBase MinMaxObserver MovingAverageMinMaxObserver
    HistogramObserver PerChannelMinMaxObserver FakeQuantize FakeQuantizeBase PlaceholderObserver convert prepare
    prepare_qat quantize quantize_dynamic quantize_qat fuse_modules fuse_modules_qat get_default_qconfig
    get_default_qat_qconfig get_default_qconfig_mapping propagate_qconfig_ default_observer default_weight_observer
    default_per_channel_weight_observer default_qconfig default_dynamic_qconfig disable_observer enable_observer
    disable_fake_quant enable_fake_quant
"""
absent.modules(
    "ao",
    {
        "quantization": _QUANTIZATION,
        "quantization.quantize_fx": "prepare_fx convert_fx prepare_qat_fx fuse_fx",
        "quantization.observer": "ObserverBase=ao.quantization:ObserverBase MinMaxObserver=ao.quantization:MinMaxObserver",
        "nn": "",
        "nn.quantized": "FloatFunctional QFunctional Linear Conv2d",
    },
    _ADVICE,
)
