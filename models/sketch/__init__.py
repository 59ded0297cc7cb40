"""Paper 004: interactive sketch colorization, and its baseline SGRU."""
