"""What a person touches: the command line. It stands on top of `assets` and `pipelines`."""
