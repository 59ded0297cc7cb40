"""Paper 002: the cGAN of Ajou ComicArt Visionaries."""
