"""Paper 001: ConvNet and GAN on frames."""
