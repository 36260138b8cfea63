"""What the end-to-end tests stand on. conftest.py hands the pieces out as fixtures."""
