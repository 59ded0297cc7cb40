"""Cao et al. (2017), a baseline of paper 000."""
