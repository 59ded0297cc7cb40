"""Training: the workflow, the loop, its batches, the dependencies of a training, and the folder that it leaves."""
