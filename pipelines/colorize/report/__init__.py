"""The report of a coloured book: one HTML page, with its pictures in a folder beside it."""
