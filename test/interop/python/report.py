# How these programs and the runner talk: events as JSON lines on standard output, commands as lines on standard input.

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

_lock = threading.Lock()


def emit(event: str, **fields: Any) -> None:
    """Tells the runner; `at` is the machine's clock in milliseconds, the one Node's Date.now() reads."""
    line = json.dumps({"event": event, "at": time.time() * 1000, **fields})
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def wait_for_command(expected: str) -> None:
    """Returns when the runner has sent that command."""
    line = sys.stdin.readline().strip()
    if line != expected:
        raise SystemExit(f"wanted the command {expected!r} and got {line!r}")


def wait_for_end_of_input() -> None:
    """Returns when the runner has closed standard input, or is gone."""
    while sys.stdin.readline():
        pass


def expect(actual: Any, wanted: Any, what: str) -> None:
    """Raises AssertionError unless both are equal; long values are shown shortened."""
    if actual != wanted:
        raise AssertionError(f"{what}: wanted {shorten(wanted)} and got {shorten(actual)}")


def shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters)"
