"""Stands in for torch in processes started under ``flashlight run``: becomes flashlight as it is imported."""

import os
import sys

_folder = os.path.abspath(__file__)
for _ in range(4):  # torch.py, torch_path, interop, flashlight
    _folder = os.path.dirname(_folder)
if _folder not in sys.path:  # flashlight run from a source tree
    sys.path.append(_folder)

del sys.modules["torch"]  # this half-made module; install puts flashlight in its place

from flashlight.interop import torch_imports  # noqa: E402

torch_imports.install()
