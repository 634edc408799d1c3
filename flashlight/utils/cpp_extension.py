"""torch.utils.cpp_extension: extensions in C++ and CUDA are not built; import lines work."""

from __future__ import annotations

from .._core import absent

CUDA_HOME = ROCM_HOME = None
globals().update(
    absent.names(
        "utils.cpp_extension",
        "load load_inline include_paths library_paths CppExtension CUDAExtension BuildExtension SyclExtension",
        "extensions for PyTorch's C++ core can not be built; write a Metal kernel with mlx.core.fast.metal_kernel",
    )
)
