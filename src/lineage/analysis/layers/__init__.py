"""Where in its depth a language model tells harmful requests from benign ones, and what adaptation does there."""
