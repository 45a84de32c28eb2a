# Cases that ask the admin port of the proxy: grpc.channelz.v1 and grpc.health.v1 by the stubs of grpcio.

from __future__ import annotations

import socket

import grpc

from channels import PATIENCE_S, Parameters, open_channel
from report import emit, expect, wait_for_command
from voice_messages import SERVICE, SayRequest, VoiceStub

CLIENTS = 3
CALLS_EACH = 4
UPSTREAM = "voice-assistant"


def admin_channelz(parameters: Parameters) -> None:
    from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

    clients = [open_channel(parameters) for _ in range(CLIENTS)]
    for client in clients:
        for _ in range(CALLS_EACH):
            VoiceStub(client).say(SayRequest(text="hello"), timeout=PATIENCE_S)
    stub = channelz_pb2_grpc.ChannelzStub(grpc.insecure_channel(parameters.admin))
    calls = CLIENTS * CALLS_EACH

    top = stub.GetTopChannels(channelz_pb2.GetTopChannelsRequest(), timeout=PATIENCE_S)
    expect([channel.ref.name for channel in top.channel], [UPSTREAM], "channels")
    expect(top.end, True, "the end of the channels")
    channel = stub.GetChannel(
        channelz_pb2.GetChannelRequest(channel_id=top.channel[0].ref.channel_id), timeout=PATIENCE_S
    ).channel
    state = channelz_pb2.ChannelConnectivityState
    expect(channel.data.state.state, state.READY, "state of the channel")
    counts = (channel.data.calls_started, channel.data.calls_succeeded, channel.data.calls_failed)
    expect(counts, (calls, calls, 0), "calls of the channel")

    [reference] = channel.subchannel_ref
    subchannel = stub.GetSubchannel(
        channelz_pb2.GetSubchannelRequest(subchannel_id=reference.subchannel_id), timeout=PATIENCE_S
    ).subchannel
    expect(subchannel.data.target, parameters.service, "target of the subchannel")
    sockets = [socket_of(stub, one.socket_id) for one in subchannel.socket_ref]
    expect(sum(one.data.streams_succeeded for one in sockets), calls, "streams of the subchannel")
    for one in sockets:
        expect(address_of(one.remote), parameters.service, "the other end of a connection to the service")

    servers = stub.GetServers(channelz_pb2.GetServersRequest(max_results=1), timeout=PATIENCE_S)
    expect([(one.ref.name, one.data.calls_succeeded) for one in servers.server], [("tls", calls)], "servers")
    expect(servers.end, False, "the end of the servers after one of two")
    check_server(stub, servers.server[0].ref.server_id, parameters)
    expect_not_found(lambda: socket_of(stub, 1 << 50), "a socket that is not there")
    for client in clients:
        client.close()


def check_server(stub, server_id: int, parameters: Parameters) -> None:
    from grpc_channelz.v1 import channelz_pb2

    server = stub.GetServer(channelz_pb2.GetServerRequest(server_id=server_id), timeout=PATIENCE_S).server
    [listening] = [socket_of(stub, one.socket_id) for one in server.listen_socket]
    expect(address_of(listening.local), parameters.target, "the address that the server listens on")
    found = []
    start = 0
    while True:
        page = stub.GetServerSockets(
            channelz_pb2.GetServerSocketsRequest(server_id=server_id, start_socket_id=start, max_results=1),
            timeout=PATIENCE_S,
        )
        found += page.socket_ref
        if page.end:
            break
        start = found[-1].socket_id + 1
    expect(len(found), CLIENTS, "connections of clients, page by page")
    for one in (socket_of(stub, reference.socket_id) for reference in found):
        expect(address_of(one.local), parameters.target, "our end of a connection")
        expect((one.data.streams_started, one.data.streams_succeeded), (CALLS_EACH, CALLS_EACH), "its streams")
        expect(one.security.tls.standard_name.startswith("TLS_"), True, "it has a cipher suite")


def socket_of(stub, socket_id: int):
    from grpc_channelz.v1 import channelz_pb2

    return stub.GetSocket(channelz_pb2.GetSocketRequest(socket_id=socket_id), timeout=PATIENCE_S).socket


def address_of(address) -> str:
    ip = address.tcpip_address.ip_address
    family = socket.AF_INET if len(ip) == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, ip)}:{address.tcpip_address.port}"


def expect_not_found(ask, what: str) -> None:
    try:
        ask()
    except grpc.RpcError as error:
        expect(error.code(), grpc.StatusCode.NOT_FOUND, what)
        return
    raise AssertionError(f"{what}: came as OK")


def admin_health(parameters: Parameters) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(grpc.insecure_channel(parameters.admin))
    statuses = health_pb2.HealthCheckResponse

    def check(service: str) -> int:
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_S).status

    def watch(service: str):
        return stub.Watch(health_pb2.HealthCheckRequest(service=service))

    for service in ("", SERVICE, UPSTREAM):
        expect(check(service), statuses.SERVING, f"health of {service!r}")
    expect_not_found(lambda: check("no.such.Service"), "the health of an unknown service")
    listed = stub.List(health_pb2.HealthListRequest(), timeout=PATIENCE_S).statuses
    expect(listed[SERVICE].status, statuses.SERVING, "the service in the list")
    own, voice, unknown = watch(""), watch(SERVICE), watch("no.such.Service")
    expect(next(own).status, statuses.SERVING, "first news of the proxy")
    expect(next(voice).status, statuses.SERVING, "first news of the service")
    expect(next(unknown).status, statuses.SERVICE_UNKNOWN, "first news of an unknown service")
    emit("serving")
    wait_for_command("killed")
    try:
        VoiceStub(open_channel(parameters)).say(SayRequest(text="hello"), timeout=PATIENCE_S)
        raise AssertionError("a call came through to a service that is not there")
    except grpc.RpcError as error:
        expect(error.code(), grpc.StatusCode.UNAVAILABLE, "code of a call without a service")
    expect(next(voice).status, statuses.NOT_SERVING, "news of the service after a call has found it gone")
    emit("out")
    wait_for_command("draining")
    expect(next(own).status, statuses.NOT_SERVING, "news of the proxy that drains")
    expect(check(""), statuses.NOT_SERVING, "health of the proxy that drains")
    try:
        next(own)
        raise AssertionError("the proxy told more than that it drains")
    except grpc.RpcError as error:
        expect(error.code(), grpc.StatusCode.UNAVAILABLE, "end of the watch")


CASES = {"admin_channelz": admin_channelz, "admin_health": admin_health}
