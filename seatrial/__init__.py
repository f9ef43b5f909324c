"""Build, start and prove production containers."""
