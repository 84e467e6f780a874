"""Documents that are made from what runs, and checks that they say everything and are not stale."""
