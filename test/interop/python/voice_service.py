# voice.VoiceAssistant for grpcio's threaded server. What each method does is described in proto/voice.proto.

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from metadata_echo import echo_of, tag_of
from protobuf_wire import Message
from report import emit
from voice_messages import (
    SERVICE,
    AudioChunk,
    AudioEvent,
    FailReply,
    FailRequest,
    NarratedWord,
    NarrateRequest,
    SayReply,
    SayRequest,
    Transcript,
)

AUDIO_BYTES_PER_MS = 32

STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class VoiceService:
    def __init__(self, served_by: str) -> None:
        self.served_by = served_by

    def say(self, request: SayRequest, context: grpc.ServicerContext) -> SayReply:
        self._answer(context)
        if request.delay_ms > 0:
            ended = threading.Event()
            context.add_callback(ended.set)
            ended.wait(request.delay_ms / 1000)
        return SayReply(
            text=f"You said: {request.text}",
            audio=bytes(request.reply_audio_bytes),
            received_audio_bytes=len(request.audio),
            served_by=self.served_by,
        )

    def narrate(self, request: NarrateRequest, context: grpc.ServicerContext) -> Iterator[NarratedWord]:
        self._answer(context)
        audio = bytes(request.audio_bytes)
        words = request.text.split() * max(request.repeat, 1)
        for sequence, word in enumerate(words, start=1):
            if request.interval_ms > 0 and sequence > 1:
                time.sleep(request.interval_ms / 1000)
            yield NarratedWord(sequence=sequence, word=word, audio=audio)
        if request.failure is not None:
            self._end_with(request.failure, context)

    def transcribe(self, chunks: Iterator[AudioChunk], context: grpc.ServicerContext) -> Transcript:
        self._answer(context)
        count = audio_bytes = 0
        for chunk in chunks:
            count += 1
            audio_bytes += len(chunk.audio)
        return Transcript(count, audio_bytes, audio_bytes // AUDIO_BYTES_PER_MS)

    def stream_audio(
        self, chunks: Iterator[AudioChunk], context: grpc.ServicerContext
    ) -> Iterator[AudioEvent]:
        # At once: a client may wait for the headers before it sends its first chunk.
        context.send_initial_metadata(self._answer(context, sends_now=True))
        for chunk in chunks:
            audio = chunk.audio if chunk.return_audio else b""
            yield AudioEvent(sequence=chunk.sequence, size_bytes=len(chunk.audio), audio=audio)

    def fail(self, request: FailRequest, context: grpc.ServicerContext) -> FailReply:
        initial, _ = echo_of(context.invocation_metadata())
        if request.after_headers:
            context.send_initial_metadata(initial)
        self._end_with(request, context)
        return FailReply()

    def _answer(self, context: grpc.ServicerContext, sends_now: bool = False) -> Any:
        """Sets the trailing metadata, and sends the initial one along with the first message unless told otherwise."""
        initial, trailing = echo_of(context.invocation_metadata())
        context.set_trailing_metadata(trailing)
        if not sends_now and initial:
            context.send_initial_metadata(initial)
        return initial

    def _end_with(self, failure: FailRequest, context: grpc.ServicerContext) -> None:
        _, trailing = echo_of(context.invocation_metadata())
        details = (("error-detail-bin", failure.details),) if failure.details else ()
        context.set_trailing_metadata(trailing + details)
        if failure.code != 0:
            context.abort(STATUS_CODES.get(failure.code, grpc.StatusCode.UNKNOWN), failure.message)


def handler_of(service: VoiceService) -> grpc.GenericRpcHandler:
    def serve(
        make: Callable[..., grpc.RpcMethodHandler],
        method: Any,
        request: type[Message],
        reply: type[Message],
    ) -> grpc.RpcMethodHandler:
        watched = watch_stream(method) if make in STREAMING_ANSWERS else watch(method)
        return make(watched, request_deserializer=request.decode, response_serializer=reply.encode)

    handlers = {
        "Say": serve(grpc.unary_unary_rpc_method_handler, service.say, SayRequest, SayReply),
        "Narrate": serve(
            grpc.unary_stream_rpc_method_handler, service.narrate, NarrateRequest, NarratedWord
        ),
        "Transcribe": serve(
            grpc.stream_unary_rpc_method_handler, service.transcribe, AudioChunk, Transcript
        ),
        "StreamAudio": serve(
            grpc.stream_stream_rpc_method_handler, service.stream_audio, AudioChunk, AudioEvent
        ),
        "Fail": serve(grpc.unary_unary_rpc_method_handler, service.fail, FailRequest, FailReply),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


STREAMING_ANSWERS = (grpc.unary_stream_rpc_method_handler, grpc.stream_stream_rpc_method_handler)


# grpcio may end the requests of a cancelled call as if the client had half-closed, and tell of the cancellation later.
NEWS_OF_CANCELLATION_S = 0.05


class Watch:
    """Reports start and end of a call with x-tag. A call that ends before its method has returned was cancelled."""

    def __init__(self, name: str, context: grpc.ServicerContext) -> None:
        self.is_returned = False
        self.tag = tag_of(context.invocation_metadata())
        if self.tag is None:
            return
        emit("started", method=name, tag=self.tag, seconds_left=context.time_remaining())
        context.add_callback(self._end)

    def finish(self, context: grpc.ServicerContext) -> None:
        """The method has returned."""
        if self.tag is not None:
            time.sleep(NEWS_OF_CANCELLATION_S)
        self.is_returned = context.is_active()

    def _end(self) -> None:
        emit("ended" if self.is_returned else "cancelled", tag=self.tag)


def watch(method: Any) -> Any:
    @functools.wraps(method)
    def watched(request: Any, context: grpc.ServicerContext) -> Any:
        call = Watch(method.__name__, context)
        reply = method(request, context)
        call.finish(context)
        return reply

    return watched


def watch_stream(method: Any) -> Any:
    @functools.wraps(method)
    def watched(request: Any, context: grpc.ServicerContext) -> Any:
        call = Watch(method.__name__, context)
        try:
            yield from method(request, context)
        except Exception:
            # Iterating over the requests of a call that was cancelled raises; that is no news.
            if context.is_active():
                raise
            return
        call.finish(context)

    return watched
