"""Ends the process on import."""

import sys

sys.exit("坏插件要求退出")
