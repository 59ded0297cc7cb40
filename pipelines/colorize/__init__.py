"""From a trained colorizer to coloured pictures of any size."""
