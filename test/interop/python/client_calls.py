# Cases of calls that end as they should: every kind of call, metadata, statuses, large and compressed messages.

from __future__ import annotations

import queue
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

import grpc

from channels import PATIENCE_S, Parameters, connect
from report import emit, expect
from voice_messages import AudioChunk, FailRequest, NarrateRequest, SayRequest

CHUNK_COUNT = 500
CHUNK_BYTES = 6400
VOICE_BYTES = 640
VOICE_INTERVAL_S = 0.02
LARGE_BYTES = 4 * 1024 * 1024


def unary(parameters: Parameters) -> None:
    stub = connect(parameters)
    for index in range(20):
        reply = stub.say(SayRequest(text=f"grüße {index}", audio=bytes(index)), timeout=PATIENCE_S)
        expect(reply.text, f"You said: grüße {index}", "text")
        expect(reply.received_audio_bytes, index, "received_audio_bytes")


def server_streaming(parameters: Parameters) -> None:
    request = NarrateRequest(text="one two three", audio_bytes=100, repeat=50)
    words = list(connect(parameters).narrate(request, timeout=PATIENCE_S))
    expect([word.sequence for word in words], list(range(1, 151)), "sequence")
    expect([word.word for word in words], ["one", "two", "three"] * 50, "words")
    expect({len(word.audio) for word in words}, {100}, "audio sizes")


def server_streaming_fails(parameters: Parameters) -> None:
    failure = FailRequest(code=9, message="nothing more to say", details=b"\x00\xff")
    call = connect(parameters).narrate(NarrateRequest(text="a b c", failure=failure), timeout=PATIENCE_S)
    words: list[str] = []
    try:
        words.extend(word.word for word in call)
        raise AssertionError("the stream ended with OK")
    except grpc.RpcError:
        expect(words, ["a", "b", "c"], "words before the failure")
    expect(call.code(), grpc.StatusCode.FAILED_PRECONDITION, "code")
    expect(call.details(), "nothing more to say", "details")
    expect(dict(call.trailing_metadata()).get("error-detail-bin"), b"\x00\xff", "trailing metadata")


def client_streaming(parameters: Parameters) -> None:
    chunks = (AudioChunk(sequence=index, audio=bytes(VOICE_BYTES)) for index in range(300))
    transcript = connect(parameters).transcribe(chunks, timeout=PATIENCE_S)
    expect((transcript.chunks, transcript.audio_bytes), (300, 300 * VOICE_BYTES), "transcript")


def bidi_at_full_speed(parameters: Parameters) -> None:
    sent = [random.randbytes(CHUNK_BYTES) for _ in range(CHUNK_COUNT)]
    chunks = (AudioChunk(index, audio, True) for index, audio in enumerate(sent, start=1))
    events = list(connect(parameters).stream_audio(chunks, timeout=PATIENCE_S))
    expect([event.sequence for event in events], list(range(1, CHUNK_COUNT + 1)), "sequence")
    for event, audio in zip(events, sent, strict=True):
        if event.audio != audio or event.size_bytes != CHUNK_BYTES:
            raise AssertionError(f"chunk {event.sequence} came back changed")


def bidi_paced(parameters: Parameters) -> None:
    count = int(parameters.seconds / VOICE_INTERVAL_S)
    audio = random.randbytes(VOICE_BYTES)
    sent_at: dict[int, float] = {}

    def chunks() -> Iterator[AudioChunk]:
        start = time.perf_counter()
        for sequence in range(1, count + 1):
            time.sleep(max(0.0, start + sequence * VOICE_INTERVAL_S - time.perf_counter()))
            sent_at[sequence] = time.perf_counter()
            yield AudioChunk(sequence, audio, True)

    round_trips: list[float] = []
    wanted = 1
    for event in connect(parameters).stream_audio(chunks(), timeout=parameters.seconds + PATIENCE_S):
        expect(event.sequence, wanted, "sequence")
        expect(event.audio == audio, True, f"chunk {wanted} is unchanged")
        round_trips.append(time.perf_counter() - sent_at[wanted])
        wanted += 1
    expect(wanted - 1, count, "events")
    report_round_trips(round_trips)


def report_round_trips(round_trips: list[float]) -> None:
    in_order = sorted(round_trips)
    mean = sum(in_order) / len(in_order) * 1000
    p99 = in_order[int(len(in_order) * 0.99)] * 1000
    emit("remark", text=f"{len(in_order)} round trips, mean {mean:.2f} ms, p99 {p99:.2f} ms")


def half_close_first(parameters: Parameters) -> None:
    """The client has finished sending before it reads: the answers come all the same."""
    chunks: queue.SimpleQueue[AudioChunk | None] = queue.SimpleQueue()
    call = connect(parameters).stream_audio(iter(chunks.get, None), timeout=PATIENCE_S)
    for sequence in range(1, 11):
        chunks.put(AudioChunk(sequence, b"x" * 100, True))
    chunks.put(None)
    time.sleep(0.3)
    expect([event.sequence for event in call], list(range(1, 11)), "sequence")
    expect(call.code(), grpc.StatusCode.OK, "code")


def metadata(parameters: Parameters) -> None:
    every_byte = bytes(range(256))
    sent = (
        ("x-echo-text", "first"),
        ("x-echo-text", "second, with a comma"),
        ("x-echo-text", "first"),
        ("x-echo-data-bin", every_byte),
        ("x-echo-data-bin", b"\x00"),
        ("x-echo-data-bin", every_byte[::-1]),
        ("x-echo-initial-only", "100 % = all"),
        ("x-echo-trailing-only-bin", b"\xff\xfe,\x00"),
        ("x-echo-long", "abcdefgh" * 300),
    )
    stub = connect(parameters)
    # Twice and more: blocks seen before take another way through the proxy than new ones.
    for round_number in range(3):
        extra = (("x-echo-round", str(round_number)),)
        call = stub.stream_audio(iter([AudioChunk(1)]), timeout=PATIENCE_S, metadata=sent + extra)
        expect(len(list(call)), 1, "events")
        joins = parameters.is_grpc_js
        check_echo(call.initial_metadata(), sent + extra, "x-echo-trailing-", joins)
        check_echo(call.trailing_metadata(), sent + extra, "x-echo-initial-", joins)


def check_echo(
    received: Any, sent: Iterable[tuple[str, str | bytes]], without: str, joins_text: bool = False
) -> None:
    """Everything that was sent has to be there, in its order within a key, and nothing else of that kind."""
    wanted: dict[str, list[str | bytes]] = {}
    for key, value in sent:
        if not key.startswith(without):
            wanted.setdefault(key, []).append(value)
    actual: dict[str, list[str | bytes]] = {}
    for key, value in received:
        if key.startswith("x-echo-"):
            actual.setdefault(key, []).append(value)
    expect(sorted(actual), sorted(wanted), "metadata keys")
    for key, values in wanted.items():
        if joins_text and not key.endswith("-bin"):
            values = [", ".join(str(value) for value in values)]
        expect(actual[key], values, f"metadata {key}")


def error_status(parameters: Parameters) -> None:
    stub = connect(parameters)
    message = "größer als 100 % – 日本語, %41 stays, 🎙 too\nand a second line"
    details = bytes(range(256))
    for after_headers in (False, True):
        for code in grpc.StatusCode:
            if code is grpc.StatusCode.OK:
                continue
            request = FailRequest(code.value[0], message, details, after_headers)
            try:
                stub.fail(request, timeout=PATIENCE_S)
                raise AssertionError(f"{code} came as OK")
            except grpc.RpcError as error:
                expect(error.code(), code, "code")
                expect(error.details(), message, "details")
                trailing = dict(error.trailing_metadata())
                expect(trailing.get("error-detail-bin"), details, "error-detail-bin")


def spaces_at_the_ends(parameters: Parameters) -> None:
    """gRPC leaves spaces as they are; what passes them on may strip them, but not choke on them."""
    stub = connect(parameters)
    for message in ("cannot open: ", " indented", "  "):
        try:
            stub.fail(FailRequest(code=5, message=message), timeout=PATIENCE_S)
            raise AssertionError("the call ended with OK")
        except grpc.RpcError as error:
            expect(error.code(), grpc.StatusCode.NOT_FOUND, f"code (details: {error.details()!r})")
            expect(error.details().strip(), message.strip(), "details")
    fields = (("x-echo-text", "at the end "), ("x-echo-more", " at the start"))
    call = stub.stream_audio(iter([AudioChunk(1)]), timeout=PATIENCE_S, metadata=fields)
    expect(len(list(call)), 1, "events")
    if parameters.is_grpc_js:
        return
    received = {
        key: value.strip() for key, value in call.trailing_metadata() if key.startswith("x-echo-")
    }
    expect(received, {key: value.strip() for key, value in fields}, "metadata")


def large_messages(parameters: Parameters) -> None:
    audio = random.randbytes(LARGE_BYTES)
    stub = connect(parameters)
    reply = stub.say(SayRequest(audio=audio, reply_audio_bytes=LARGE_BYTES), timeout=PATIENCE_S)
    expect(reply.received_audio_bytes, LARGE_BYTES, "received_audio_bytes")
    expect(len(reply.audio), LARGE_BYTES, "size of the reply")
    chunks = [AudioChunk(index, audio, True) for index in range(1, 4)]
    for event in stub.stream_audio(iter(chunks), timeout=PATIENCE_S):
        expect(event.audio == audio, True, f"echo {event.sequence} is unchanged")


def gzip(parameters: Parameters) -> None:
    stub = connect(parameters, compression=grpc.Compression.Gzip)
    audio = b"compressible " * 20_000
    reply = stub.say(SayRequest(audio=audio, reply_audio_bytes=200_000), timeout=PATIENCE_S)
    expect(reply.received_audio_bytes, len(audio), "received_audio_bytes")
    expect(reply.audio, bytes(200_000), "audio of the reply")
    chunks = [AudioChunk(index, audio, True) for index in range(1, 21)]
    events = list(stub.stream_audio(iter(chunks), timeout=PATIENCE_S))
    expect([event.audio == audio for event in events], [True] * 20, "echoes are unchanged")


CASES = {
    "unary": unary,
    "server_streaming": server_streaming,
    "server_streaming_fails": server_streaming_fails,
    "client_streaming": client_streaming,
    "bidi_at_full_speed": bidi_at_full_speed,
    "bidi_paced": bidi_paced,
    "half_close_first": half_close_first,
    "metadata": metadata,
    "error_status": error_status,
    "spaces_at_the_ends": spaces_at_the_ends,
    "large_messages": large_messages,
    "gzip": gzip,
}
