# Which request metadata the service sends back: x-echo-initial-* with the headers, x-echo-trailing-* with the trailers,
# other x-echo-* with both (proto/voice.proto).

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Metadata = tuple[tuple[str, str | bytes], ...]


def echo_of(received: Iterable[Any] | None) -> tuple[Metadata, Metadata]:
    """The initial and the trailing metadata of the answer."""
    fields = [(key, value) for key, value in received or () if key.startswith("x-echo-")]
    initial = tuple(field for field in fields if not field[0].startswith("x-echo-trailing-"))
    trailing = tuple(field for field in fields if not field[0].startswith("x-echo-initial-"))
    return initial, trailing


def tag_of(received: Iterable[Any] | None) -> str | None:
    """Calls that carry x-tag are reported to the runner when they start and when they end."""
    return next((str(value) for key, value in received or () if key == "x-tag"), None)
