"""Symbolic functions of ONNX's opset 11, for import lines."""

from __future__ import annotations

from .._core import absent

globals().update(absent.names("onnx.symbolic_opset11", "select squeeze unsqueeze", "models are not exported to ONNX"))
