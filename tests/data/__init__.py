"""Real logs through the whole house, next to computations that know nothing of it."""
