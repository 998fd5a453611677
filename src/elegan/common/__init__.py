"""What every layer may use: errors, files, precision, keyed randomness, pixels, processes."""

VERSION = "0.1.0"
