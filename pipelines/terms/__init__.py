"""What may be learned from: the titles that are declared now, under their licences, and nothing that was dropped."""
