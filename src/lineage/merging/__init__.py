"""Merging the weights of language and vision-language models: name maps, plan, methods, streaming execution."""
