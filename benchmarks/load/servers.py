"""`python -m benchmarks.load.servers`: the load of `benchmarks.load` on PostgreSQL and Redis, as `make bench` runs it."""

import sys

from benchmarks.load.__main__ import main

if __name__ == "__main__":
    sys.argv.append("--servers")
    sys.exit(main())
