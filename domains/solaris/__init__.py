"""Support for operators of gas turbines: sample knowledge, limits and flows."""
