"""The ``torch`` import layer and the namespaces PyTorch programs expect to find."""
