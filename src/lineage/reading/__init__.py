"""Retrieve, then read: a model that answers with a passage in front of it, beside the same model without one."""
