"""Speed, as ratios against named peers that run beside us."""
