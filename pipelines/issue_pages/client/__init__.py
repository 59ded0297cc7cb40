"""The HTTP client: robots.txt, spacing by host, budgets, and named errors."""
