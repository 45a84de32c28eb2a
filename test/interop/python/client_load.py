# Cases of many calls at once: concurrency, a drain under open streams, and a reader that does not read.

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from channels import PATIENCE_S, Parameters, connect, open_asyncio_channel
from report import emit, expect, wait_for_command
from voice_messages import AudioChunk, NarrateRequest, SayRequest, VoiceStub

DRAINED_STREAMS = 200
# Fewer streams on a channel than the proxy allows on a connection, so that none waits for a place.
STREAMS_PER_CHANNEL = 50
READERS = 100
STALLED_CALLS = 20


def concurrency(parameters: Parameters) -> None:
    clients, calls_each = 50, 40

    def work(client: int) -> int:
        stub = connect(parameters)
        for number in range(calls_each):
            text = f"{client}/{number}"
            request = SayRequest(text=text, audio=bytes(number))
            try:
                reply = stub.say(request, timeout=PATIENCE_S)
            except grpc.RpcError as error:
                # On a busy machine, grpcio has failed a connection with ENOENT, twice in 2,500. No operation on a socket
                # of TCP has that error, so it comes from within the client.
                if number > 0 or "No such file or directory" not in error.details():
                    raise
                reply = stub.say(request, timeout=PATIENCE_S, wait_for_ready=True)
            expect((reply.text, reply.received_audio_bytes), (f"You said: {text}", number), "reply")
        return calls_each

    start = time.perf_counter()
    with ThreadPoolExecutor(max_workers=clients) as pool:
        done = sum(pool.map(work, range(clients)))
    expect(done, clients * calls_each, "calls")
    emit("remark", text=f"{done} calls of {clients} clients in {time.perf_counter() - start:.1f} s")


def drain(parameters: Parameters) -> None:
    asyncio.run(drain_streams(parameters))


async def drain_streams(parameters: Parameters) -> None:
    """Streams that are open before the proxy is told to stop, go on meanwhile, and finish when they like to."""
    go_on = asyncio.Event()
    opened = 0

    async def stream(stub: VoiceStub) -> None:
        nonlocal opened
        call = stub.stream_audio(timeout=PATIENCE_S)
        sequence = 0

        async def exchange() -> None:
            nonlocal sequence
            sequence += 1
            await call.write(AudioChunk(sequence, b"x" * 640, True))
            event = await call.read()
            expect((event.sequence, event.audio), (sequence, b"x" * 640), "echo")

        await exchange()
        opened += 1
        while not go_on.is_set():
            await asyncio.sleep(0.2)
            await exchange()
        for _ in range(5):
            await exchange()
        await call.done_writing()
        expect(await call.read() is None or (await call.code()).name == "OK", True, "clean end")
        expect((await call.code()).name, "OK", "code")

    channels = [open_asyncio_channel(parameters) for _ in range(DRAINED_STREAMS // STREAMS_PER_CHANNEL)]
    stubs = [VoiceStub(channel) for channel in channels]
    tasks = [asyncio.create_task(stream(stubs[index % len(stubs)])) for index in range(DRAINED_STREAMS)]
    while opened < DRAINED_STREAMS and not any(task.done() for task in tasks):
        await asyncio.sleep(0.05)
    emit("open")
    await asyncio.to_thread(wait_for_command, "finish")
    go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [result for result in results if result is not None]
    if failures:
        raise AssertionError(
            f"{len(failures)} of {len(tasks)} streams failed; the first: {failures[0]!r}"
        )
    await asyncio.gather(*(channel.close() for channel in channels))


def slow_reader(parameters: Parameters) -> None:
    """Streams nobody reads, beside clients that do; the runner watches the proxy's memory meanwhile."""
    alone = read_side_by_side(parameters)
    emit("measured_alone")
    wait_for_command("go on")
    stalled = connect(parameters)
    endless = NarrateRequest(text="unheard", audio_bytes=16_384, repeat=20_000)
    calls = [stalled.narrate(endless, timeout=2 * PATIENCE_S) for _ in range(STALLED_CALLS)]
    for call in calls:
        expect(next(call).sequence, 1, "first word")
    time.sleep(1)
    beside = read_side_by_side(parameters)
    # Each stalled stream is whole: what was held back comes in order.
    for call in calls:
        for sequence in range(2, 12):
            expect(next(call).sequence, sequence, "sequence")
        call.cancel()
    emit("measured_beside")
    emit(
        "remark",
        text=f"{READERS} readers took {alone:.1f} s alone and {beside:.1f} s beside those that stall",
    )


def read_side_by_side(parameters: Parameters) -> float:
    """Seconds it takes 100 clients with channels of their own to exchange 100 chunks each."""

    def work(_: int) -> int:
        chunks = (AudioChunk(sequence, b"y" * 6400, True) for sequence in range(1, 101))
        events = connect(parameters).stream_audio(chunks, timeout=PATIENCE_S)
        return sum(len(event.audio) for event in events)

    start = time.perf_counter()
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        expect(list(pool.map(work, range(READERS))), [640_000] * READERS, "bytes echoed")
    return time.perf_counter() - start


def paced_stream(parameters: Parameters) -> None:
    """Sends as fast as it may on a stream that the proxy paces; each message has to be answered, in order."""
    count = parameters.tries
    chunks = (AudioChunk(sequence, b"z" * 640, False) for sequence in range(1, count + 1))
    start = time.perf_counter()
    events = connect(parameters).stream_audio(chunks, timeout=90)
    answered = [event.sequence for event in events]
    seconds = time.perf_counter() - start
    expect(answered, list(range(1, count + 1)), "answers")
    emit("paced", seconds=seconds)


CASES = {
    "concurrency": concurrency,
    "drain": drain,
    "paced_stream": paced_stream,
    "slow_reader": slow_reader,
}
