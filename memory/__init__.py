"""The floor: records, errors, ports, redaction, adapters."""
