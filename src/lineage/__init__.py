"""Raise a language model through its whole life and measure every stage."""
