"""Stage 1, sources -> pages: every page of an issue as served, with its HTTP provenance and licence."""
