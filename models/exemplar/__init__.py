"""Colours by example: He et al., "Deep Exemplar-based Colorization" (2018), on frozen features, with hints."""
