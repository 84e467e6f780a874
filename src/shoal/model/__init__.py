"""Nouns that several stages share: values, events, identifiers, time, consent. Imports nothing of ours."""
