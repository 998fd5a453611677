"""What the machine gives: device and number format, keyed randomness, durable files, pixels."""
