"""A model file that runs: its card, its precisions, where and how it runs."""
