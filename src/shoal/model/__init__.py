"""Nouns that several stages share: values, events, identifiers, time, consent. Frozen; imports nothing of ours."""
