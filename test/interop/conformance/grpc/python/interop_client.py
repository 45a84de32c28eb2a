"""The interop cases with grpcio, as grpc/grpc's doc/interop-test-descriptions.md has them.

Usage: interop_client.py JSON, with target, ca and generated (the folder of the generated modules). Reads names of cases from
standard input, one a line; prints a JSON line for each: {"case": NAME, "problem": TEXT or null}.
"""

import json
import sys
import traceback

import grpc

options = json.loads(sys.argv[1])
sys.path.insert(0, options["generated"])

import testing_pb2 as messages  # noqa: E402
import testing_pb2_grpc as services  # noqa: E402

LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
SECONDS = 30


def new_channel():
    with open(options["ca"], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    return grpc.secure_channel(options["target"], credentials)


def payload(size):
    return messages.Payload(body=bytes(size))


def large_request(**fields):
    return messages.SimpleRequest(response_size=LARGE_RESPONSE, payload=payload(LARGE_REQUEST), **fields)


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r} instead of {wanted!r}")


def expect_large(response):
    expect(response.payload.body, bytes(LARGE_RESPONSE), "payload of the response")


def expect_error(call, code, details=None):
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code(), code, f"status ({error.details()})")
        if details is not None:
            expect(error.details(), details, "status message")
        return
    raise AssertionError(f"it succeeded instead of failing with {code}")


def empty_unary(stub):
    response, call = stub.EmptyCall.with_call(messages.Empty(), timeout=SECONDS)
    expect(response, messages.Empty(), "response")
    expect(call.code(), grpc.StatusCode.OK, "status")


def large_unary(stub):
    expect_large(stub.UnaryCall(large_request(), timeout=SECONDS))


def client_compressed_unary_noprobe(stub):
    compressed = large_request(expect_compressed=messages.BoolValue(value=True))
    expect_large(stub.UnaryCall(compressed, timeout=SECONDS, compression=grpc.Compression.Gzip))
    plain = large_request(expect_compressed=messages.BoolValue(value=False))
    expect_large(stub.UnaryCall(plain, timeout=SECONDS))


def server_compressed_unary(stub):
    for value in (True, False):
        request = large_request(response_compressed=messages.BoolValue(value=value))
        expect_large(stub.UnaryCall(request, timeout=SECONDS))


def client_streaming(stub):
    requests = (messages.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES)
    response = stub.StreamingInputCall(requests, timeout=SECONDS)
    expect(response.aggregated_payload_size, sum(REQUEST_SIZES), "aggregated size")


def output_request(sizes, request_size=None, **fields):
    request = messages.StreamingOutputCallRequest(
        response_parameters=[messages.ResponseParameters(size=size) for size in sizes], **fields
    )
    if request_size is not None:
        request.payload.body = bytes(request_size)
    return request


def server_streaming(stub):
    responses = stub.StreamingOutputCall(output_request(RESPONSE_SIZES), timeout=SECONDS)
    expect([len(response.payload.body) for response in responses], list(RESPONSE_SIZES), "sizes")


class Pipe:
    """An iterator of requests that are sent one by one."""

    def __init__(self):
        import queue

        self._queue = queue.Queue()

    def send(self, request):
        self._queue.put(request)

    def close(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


def ping_pong(stub):
    pipe = Pipe()
    responses = stub.FullDuplexCall(iter(pipe), timeout=SECONDS)
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
        pipe.send(output_request([response_size], request_size))
        expect(len(next(responses).payload.body), response_size, "size of the response")
    pipe.close()
    expect(list(responses), [], "responses after the last one")
    expect(responses.code(), grpc.StatusCode.OK, "status")


def empty_stream(stub):
    responses = stub.FullDuplexCall(iter(()), timeout=SECONDS)
    expect(list(responses), [], "responses")
    expect(responses.code(), grpc.StatusCode.OK, "status")


ECHO_INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
ECHO_TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")


def expect_echo(call):
    initial = dict(call.initial_metadata())
    expect(initial.get(ECHO_INITIAL[0]), ECHO_INITIAL[1], "initial metadata")
    trailing = dict(call.trailing_metadata())
    expect(trailing.get(ECHO_TRAILING[0]), ECHO_TRAILING[1], "trailing metadata")


def custom_metadata(stub):
    metadata = (ECHO_INITIAL, ECHO_TRAILING)
    response, call = stub.UnaryCall.with_call(large_request(), metadata=metadata, timeout=SECONDS)
    expect_large(response)
    expect_echo(call)
    request = output_request([LARGE_RESPONSE], LARGE_REQUEST)
    responses = stub.FullDuplexCall(iter([request]), metadata=metadata, timeout=SECONDS)
    expect([len(one.payload.body) for one in responses], [LARGE_RESPONSE], "sizes")
    expect_echo(responses)


def status_code_and_message(stub):
    status = messages.EchoStatus(code=2, message="test status message")
    simple = messages.SimpleRequest(response_status=status)
    code = grpc.StatusCode.UNKNOWN
    expect_error(lambda: stub.UnaryCall(simple, timeout=SECONDS), code, status.message)
    request = messages.StreamingOutputCallRequest(response_status=status)
    expect_error(lambda: list(stub.FullDuplexCall(iter([request]), timeout=SECONDS)), code, status.message)


def special_status_message(stub):
    message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    request = messages.SimpleRequest(response_status=messages.EchoStatus(code=2, message=message))
    expect_error(lambda: stub.UnaryCall(request, timeout=SECONDS), grpc.StatusCode.UNKNOWN, message)


def unimplemented_method(stub):
    call = lambda: stub.UnimplementedCall(messages.Empty(), timeout=SECONDS)  # noqa: E731
    expect_error(call, grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service(channel):
    stub = services.UnimplementedServiceStub(channel)
    call = lambda: stub.UnimplementedCall(messages.Empty(), timeout=SECONDS)  # noqa: E731
    expect_error(call, grpc.StatusCode.UNIMPLEMENTED)


def cancel_after_begin(stub):
    future = stub.StreamingInputCall.future(iter(Pipe()), timeout=SECONDS)
    future.cancel()
    expect(future.code(), grpc.StatusCode.CANCELLED, "status")


def cancel_after_first_response(stub):
    pipe = Pipe()
    responses = stub.FullDuplexCall(iter(pipe), timeout=SECONDS)
    pipe.send(output_request([31415], 27182))
    expect(len(next(responses).payload.body), 31415, "size of the response")
    responses.cancel()
    expect_error(lambda: next(responses), grpc.StatusCode.CANCELLED)
    pipe.close()


def timeout_on_sleeping_server(stub):
    pipe = Pipe()
    pipe.send(output_request([], 27182))
    responses = stub.FullDuplexCall(iter(pipe), timeout=0.001)
    expect_error(lambda: list(responses), grpc.StatusCode.DEADLINE_EXCEEDED)
    pipe.close()


def rpc_soak(stub):
    for _ in range(options["soakIterations"]):
        expect_large(stub.UnaryCall(large_request(), timeout=SECONDS))


def channel_soak(_):
    for _ in range(options["soakIterations"]):
        with new_channel() as channel:
            large_unary(services.TestServiceStub(channel))


WITHOUT_STUB = (unimplemented_service,)


def run(name):
    case = globals()[name]
    with new_channel() as channel:
        case(channel if case in WITHOUT_STUB else services.TestServiceStub(channel))


for line in sys.stdin:
    name = line.strip()
    problem = None
    try:
        run(name)
    except Exception:  # noqa: BLE001
        problem = traceback.format_exc().strip().splitlines()[-1]
    print(json.dumps({"case": name, "problem": problem}), flush=True)
