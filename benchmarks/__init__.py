"""Speed, as ratios to the same step hand-written in MLX, measured in one run: ``python -m benchmarks``."""

import flashlight
