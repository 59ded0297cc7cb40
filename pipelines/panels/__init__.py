"""Stage 2, pages -> panels: stitched (`strip`), cut at the common background (`cut`), dropped by size and look
(`filters`), marked and hashed; `build` does all of it for one issue.
"""
