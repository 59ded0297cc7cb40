"""Stage 1, sources -> pages: every page of an issue as served, with its HTTP provenance and licence.

`sources/` lists and fetches, through the HTTP client in `client/` or from files (`archives/`); `collect` stores the
pages of an issue, `catalogue` the issues of a title, and `plan` shows both without fetching.
"""
