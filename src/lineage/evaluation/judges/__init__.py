"""Judges of responses: each says whether a response refuses its request, and how sure that can be taken to be."""
