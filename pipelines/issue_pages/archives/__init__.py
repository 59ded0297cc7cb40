"""Archives of pages: one module a format."""
