"""The steps of a turn, one file each, and the three skills."""
