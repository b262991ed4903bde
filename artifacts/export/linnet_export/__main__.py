"""`python -m linnet_export` is the command `linnet-export`."""

import sys

from .cli import main

sys.exit(main())
