"""Triggers: changes of membership in, firings and deliveries out, within bounds. Next: `deliver`."""
