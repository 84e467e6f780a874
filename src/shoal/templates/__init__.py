"""Templates: workspaces to start from. In: a name and a folder. Out: the folder with its files. Next: definitions.

`shared` holds what all of them have; a file of a template's own stands before a shared one of the same name.
"""

from shoal.templates.init import TEMPLATES, init_workspace

__all__ = ["TEMPLATES", "init_workspace"]
