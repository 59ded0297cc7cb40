"""The benchmark: named numbers and pictures of a colorizer on the test split."""
