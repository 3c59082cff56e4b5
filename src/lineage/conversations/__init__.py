"""Conversations: how they are written as one string, tokenized once, scored where the assistant speaks, and batched."""
