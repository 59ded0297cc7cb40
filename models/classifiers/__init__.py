"""Paper 000: title classifiers."""
