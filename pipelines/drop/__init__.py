"""Takes titles, issues or pages out of a lake for good: what it will remove, the removal, and its report."""
