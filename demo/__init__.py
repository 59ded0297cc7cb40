"""The embedded default: draws webtoons with known answers and serves them on loopback as the real site does."""
