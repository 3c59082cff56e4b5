"""Prompt sets from outside: one file each, in the exact form in which its authors give it."""
