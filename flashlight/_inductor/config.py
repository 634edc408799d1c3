"""Settings of a compiler that is not there: plain attributes programs set and nothing reads."""

from __future__ import annotations

from .._core import absent

coordinate_descent_tuning = coordinate_descent_check_all_directions = epilogue_fusion = False
fx_graph_cache = force_disable_caches = max_autotune = freezing = False
assert_indirect_indexing = conv_1x1_as_mm = True
triton = absent.attributes(unique_kernel_names=True, cudagraphs=False, cudagraph_trees=True)
cpp = absent.attributes(threads=-1, simdlen=None)
