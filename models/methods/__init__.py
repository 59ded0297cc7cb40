"""Methods that colour without training: values and recipes. Their work is in `pipelines.colorize`."""
