"""`python -m elegan` is the command `elegan`."""

import sys

from elegan.cli import main

sys.exit(main())
