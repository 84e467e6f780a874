"""Tests. `spec/` readable rules, `property/` generated ones, `unit/` single parts, `functional/` commands."""
