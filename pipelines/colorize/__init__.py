"""Colouring: pictures of any size, with hints, segments and references."""
