"""The user interfaces: the command line and the page. They call `assets` and `pipelines`."""
