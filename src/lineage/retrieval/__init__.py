"""Finding documents for queries: sets, runs and their measures, and the retrievers that are compared."""
