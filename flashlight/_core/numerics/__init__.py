"""Numerical functions on arrays that MLX lacks, or computes in single precision when given doubles."""
