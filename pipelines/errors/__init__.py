"""Errors of the machine (a full disk, a store without answer) in words, and the leftovers of killed processes."""
