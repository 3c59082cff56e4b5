"""One random stream for each purpose, so that a change of one section of the world never changes another."""

import random


def stream(seed: int, *purpose: str) -> random.Random:
    """A generator that depends on the seed and the purpose only.

    `stream(0, "names", "town")` gives the same numbers whatever else the world holds; Python seeds a `Random` from the
    SHA-512 of a string, so the numbers are the same on every machine.
    """
    return random.Random("/".join((str(seed), *purpose)))
