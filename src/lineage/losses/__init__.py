"""Training losses: (outputs, targets) -> Total(sum, count). Only the training loop divides.

One file a loss: a new one makes no other stage stale.
"""
