"""Books and picture files as a person gives them: read page by page, written whole, continued after a kill."""
