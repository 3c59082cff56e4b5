"""Clustering the vectors of every token by itself: thousands of small problems and a few large ones."""
