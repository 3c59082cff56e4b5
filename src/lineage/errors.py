"""Errors that a user can cause: shown as one message, without a traceback."""


class UserError(ValueError):
    """Something the user can mend: a config value, a file, a full disk.

    The message names the place, the value, what is allowed and what to do. The command line and every stage print it
    without a traceback and exit with code 2.
    """


class StoppedEarly(Exception):
    """A stage saved its state and stopped before its time limit; running it again continues (exit code 75)."""
