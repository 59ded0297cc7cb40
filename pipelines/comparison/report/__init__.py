"""The HTML report of leaderboards: page, parts of a track, tables, charts, and its export for other people."""
