"""Rating studies: preparation, questions, ratings, and their analysis."""
