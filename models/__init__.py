"""Networks, losses, hints on tensors and checkpoints. torch only; one folder per published system."""
