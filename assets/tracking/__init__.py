"""MLflow: the client, the registry, and how trainings, evaluations and leaderboards are logged."""
