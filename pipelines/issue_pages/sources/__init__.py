"""Where titles come from: one module a site or kind of file."""
