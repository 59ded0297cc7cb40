"""What learns: networks, losses, hints on tensors, checkpoints. torch only; one file per published system."""
