"""Runs a Python module as a program, and stops it when standard input ends: when whoever holds the other end is gone,
however it ended."""

import os
import runpy
import signal
import sys
import threading


def stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


threading.Thread(target=stop_at_end_of_input, daemon=True).start()
# The module sees a command line without this file.
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
