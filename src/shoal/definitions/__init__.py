"""What a user writes: features, scores, segments and lists, from text files or from Python.

In: text. Out: resolved definitions, a tree of `nodes` with one meaning. Next: `evaluate`.
"""
