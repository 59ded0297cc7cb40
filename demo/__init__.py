"""The embedded default: draws webtoons with known answers and serves them on loopback as the real site does."""

DEFAULT_ISSUES = 24
"""The seed of the webtoon that `make demo` collects and `make up` serves."""
