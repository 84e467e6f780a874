"""Generated definitions, events and moments: all engines agree, and what they agree on obeys the laws."""
