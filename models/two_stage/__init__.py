"""Paper 003: the two-stage generator."""
