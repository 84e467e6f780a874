"""Looking back: what a trigger would have done in a stretch of the past.

In: the archive and a trigger. Out: firings with what came of them, figures, a page.
"""
