"""Constrained beam search over the prefix tree of all identifiers, on the device of the model, in one pass."""
