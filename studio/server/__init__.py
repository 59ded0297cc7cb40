"""What is served on loopback: the page for artists, Dagster's and MLflow's pages, and the guard in front of each."""
