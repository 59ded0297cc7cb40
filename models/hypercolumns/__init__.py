"""Dahl's residual encoder over hypercolumns, which paper 000 compared its networks with."""
