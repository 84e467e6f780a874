"""The rules of the language as tables of events and answers. `docs/semantics.md` shows these very cases."""
