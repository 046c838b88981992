"""Training of the networks that gancam plays. Knows nothing of the runtime; start it with `gancam train RECIPE`."""
