"""Stage 2, pages -> panels: stitched, cut at the common background, size-filtered, marked, hashed."""
