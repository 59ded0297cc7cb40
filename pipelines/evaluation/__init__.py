"""From a colorizer and a test split to named numbers and pictures, and from those to the leaderboard."""
