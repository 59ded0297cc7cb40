"""Paper 000: the webtoon systems."""
