"""torch.onnx: models are not exported to ONNX; import lines and ``is_in_onnx_export`` work."""

from __future__ import annotations

import enum

from .._core import absent

_ADVICE = "save the weights with torch.save(model.state_dict(), path) and export from PyTorch, which loads them"


class OperatorExportTypes(enum.IntEnum):
    """What PyTorch's exporter does with operators ONNX lacks."""

    ONNX, ONNX_ATEN, ONNX_ATEN_FALLBACK, ONNX_FALLTHROUGH = range(4)


class TrainingMode(enum.IntEnum):
    """The mode PyTorch's exporter puts the model into."""

    EVAL, PRESERVE, TRAINING = range(3)


class TensorProtoDataType(enum.IntEnum):
    """ONNX's numbers for element types."""

    UNDEFINED, FLOAT, UINT8, INT8, UINT16, INT16, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, UINT32, UINT64 = range(
        14
    )
    COMPLEX64, COMPLEX128, BFLOAT16 = 14, 15, 16


class OnnxExporterError(RuntimeError):
    """What PyTorch's exporter raises."""


def is_in_onnx_export() -> bool:
    """False: nothing is ever exported."""
    return False


# what packages say of their operators when they are imported: (name, version of ONNX) -> how it would be exported
_symbolic: dict = {}


def register_custom_op_symbolic(symbolic_name: str, symbolic_fn, opset_version: int) -> None:
    """Note how an operator would be exported; ``export`` itself refuses. Raises: ValueError for no ``namespace::name``."""
    if symbolic_name.count("::") != 1:
        raise ValueError(
            f"Failed to register operator {symbolic_name}. The symbolic name must match the format domain::name"
        )
    _symbolic[symbolic_name, opset_version] = symbolic_fn


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Undo ``register_custom_op_symbolic``."""
    _symbolic.pop((symbolic_name, opset_version), None)


globals().update(
    absent.names(
        "onnx",
        "export _export dynamo_export ExportOptions ONNXProgram JitScalarType  select_model_mode_for_export",
        _ADVICE,
    )
)
absent.modules(
    "onnx",
    {
        "_internal": "",
        "_internal.exporter": "ONNXProgram=onnx:ONNXProgram",
        "operators": "shape_as_tensor reshape_from_tensor_shape",
        "utils": "export=onnx:export",
    },
    _ADVICE,
)


def _shape_as_tensor(x):
    """The shape of a tensor as an int64 tensor."""
    return _tensor(list(x.shape))


def _reshape_from_tensor_shape(x, shape):
    """``x`` in the shape an integer tensor holds."""
    return x.reshape(shape.tolist())


from .._core.table import namespaces as _namespaces  # noqa: E402
from . import operators as _operators  # noqa: E402
from . import symbolic_helper, symbolic_opset11  # noqa: E402

_tensor = _namespaces["torch"]["tensor"]
_operators.shape_as_tensor, _operators.reshape_from_tensor_shape = _shape_as_tensor, _reshape_from_tensor_shape
