"""Paths through the latent space of a generator, and pictures along them."""
