"""`python -m app.stack.daemon`: supervisord, which goes on while its disk is full.

What it cannot write into a log it complains of on standard error; where that is on the same disk, the complaint fails too, and would end it.
"""

import sys
from typing import TextIO, cast

from supervisor.supervisord import main

from core.logging import Forgiving

if __name__ == "__main__":
    sys.stderr = cast(TextIO, Forgiving(sys.stderr))
    main()
