"""Sets of characters: drawn ones, and folders of others."""
