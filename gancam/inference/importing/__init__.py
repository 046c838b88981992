"""Models of other people: probed, adapted once to the contract of `ModelCard`, checked and remembered."""
