"""Stage 2, pages -> panels: stitched (`strip`), cut by the most plausible explanation (`cut`), dropped by size and look
(`filters`), marked and hashed; `build` does all of it for one issue.
"""
