"""Hostile inputs, kills, full disks: each failure is one clear line, and nothing is lost, doubled or half-written."""
