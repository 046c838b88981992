"""Tools of the command line that measure and compare: bench, verify, doctor."""
