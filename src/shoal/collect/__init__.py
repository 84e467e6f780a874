"""Collecting: files become events, bad rows are told. In: CSV, NDJSON, Parquet. Out: frames. Next: journal."""

from shoal.collect.importer import Imported, ImportedFile, import_files
from shoal.collect.mapping import Mapping
from shoal.collect.mapping_file import PRESETS, load_mapping, parse_mapping
from shoal.collect.source import Progress

__all__ = [
    "PRESETS",
    "Imported",
    "ImportedFile",
    "Mapping",
    "Progress",
    "import_files",
    "load_mapping",
    "parse_mapping",
]
