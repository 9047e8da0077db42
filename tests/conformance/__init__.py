"""What every adapter of a port has to keep; adapters are plugged in in `adapters.py`."""
