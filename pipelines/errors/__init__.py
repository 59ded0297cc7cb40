"""Errors of the machine (a full disk, a store that does not answer) in words for people."""
