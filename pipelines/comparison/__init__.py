"""Colorizers compared: leaderboard, significance, promotion, retraining, drift, reports."""
