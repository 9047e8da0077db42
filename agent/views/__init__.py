"""What people see: terminal text, pictures, pages."""
