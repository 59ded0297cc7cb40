"""Errors of the machine (a full disk, a store without answer) in words, damaged JSON files, leftovers of kills."""
