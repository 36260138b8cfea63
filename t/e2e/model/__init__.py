"""An independent model of what keyward has to decide, and a random journal that compares the two. See run.py."""
