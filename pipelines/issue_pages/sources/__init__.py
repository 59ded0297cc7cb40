"""Sources of titles: one module a site or kind of file, listed in `registry.py`."""
