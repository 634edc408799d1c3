"""Liquid networks: neuron maps, CfC, LTC and what is built on them."""
