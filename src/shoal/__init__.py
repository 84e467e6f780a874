"""Shoal: real-time micro-audience segmentation. One definition, one meaning, live and in batch."""

__version__ = "0.1.0"
