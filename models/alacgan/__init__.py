"""Ci et al. (2018), a baseline of paper 003."""
