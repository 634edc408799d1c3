"""Fused steps of recurrent and liquid networks.

Each module holds one family: its reference in mx operations, the launch of its Metal kernels, their gradients, and the
rule which of the two runs. The Metal sources lie beside the modules.
"""
