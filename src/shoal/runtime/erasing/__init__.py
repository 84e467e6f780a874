"""Erasing people from a workspace, and searching it for what is left of them."""
