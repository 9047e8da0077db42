"""Help for AWS customers, from the service models that botocore carries."""
