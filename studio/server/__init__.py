"""The page for artists: its server, the guard in front of it, and the session of one installation."""
