"""Training: the loop, its batches, what a training builds on, and what it leaves."""
