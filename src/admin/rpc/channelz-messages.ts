// The messages of grpc.channelz.v1 that are sent.

import { isIPv4 } from 'node:net';
import type { SocketEnd, SocketReport } from '../../calls/socket-report.ts';
import { ProtobufWriter } from '../../grpc/protobuf-writer.ts';
import {
  type CallCounts,
  type ChannelFacts,
  CONNECTIVITY,
  type ShownChannel,
  type ShownServer,
  type ShownSubchannel,
  type Trouble,
} from './channelz-state.ts';

/** ChannelTraceEvent.Severity. */
const CT_WARNING = 2;

const message = (): ProtobufWriter => new ProtobufWriter();

export function channelMessage(channel: ShownChannel): ProtobufWriter {
  const written = message().message(1, ref(1, channel)).message(2, channelData(channel));
  for (const subchannel of channel.subchannels) written.message(4, ref(7, subchannel));
  return written;
}

export function subchannelMessage(
  subchannel: ShownSubchannel,
  sockets: readonly SocketReport[],
): ProtobufWriter {
  const written = message().message(1, ref(7, subchannel)).message(2, channelData(subchannel));
  for (const socket of sockets) written.message(5, socketRef(socket));
  return written;
}

export function serverMessage({ id, name, calls, listening }: ShownServer): ProtobufWriter {
  return message()
    .message(1, ref(5, { id, name }))
    .message(2, callCounts(message(), 2, calls))
    .message(3, socketRef(listening));
}

export function socketRef(socket: Pick<SocketReport, 'id' | 'name'>): ProtobufWriter {
  return ref(3, socket);
}

/** Of a connection. */
export function socketMessage(socket: SocketReport): ProtobufWriter {
  const written = message().message(1, socketRef(socket)).message(2, socketData(socket));
  if (socket.local !== undefined) written.message(3, tcpAddress(socket.local));
  if (socket.remote !== undefined) written.message(4, tcpAddress(socket.remote));
  if (socket.cipher !== undefined) written.message(5, message().message(1, message().text(1, socket.cipher)));
  return socket.isClient ? written.text(6, socket.name) : written;
}

/** Of the socket that a listener listens on. */
export function listeningMessage({ listening }: ShownServer): ProtobufWriter {
  const { end, name } = listening;
  const local =
    end === undefined ? message().message(2, message().text(1, name.replace(/^unix:/, ''))) : tcpAddress(end);
  return message().message(1, socketRef(listening)).message(2, message()).message(3, local);
}

/** @param field the number of the identifier; that of the name follows it. The messages for references differ in nothing else. */
function ref(field: number, { id, name }: { readonly id: number; readonly name: string }): ProtobufWriter {
  return message()
    .number(field, id)
    .text(field + 1, name);
}

function channelData({ state, target, calls, troubles }: ChannelFacts): ProtobufWriter {
  const written = message()
    .message(1, message().number(1, CONNECTIVITY.indexOf(state)))
    .text(2, target);
  if (troubles.length > 0) written.message(3, trace(troubles));
  return callCounts(written, 4, calls);
}

function trace(troubles: readonly Trouble[]): ProtobufWriter {
  const written = message().number(1, troubles.length);
  for (const { sentence, sinceEpochMs } of troubles) {
    const event = message().text(1, sentence).number(2, CT_WARNING);
    if (sinceEpochMs !== undefined) event.message(3, timestamp(sinceEpochMs));
    written.message(3, event);
  }
  return written;
}

function timestamp(epochMs: number): ProtobufWriter {
  return message()
    .number(1, Math.floor(epochMs / 1000))
    .number(2, Math.floor(epochMs % 1000) * 1_000_000);
}

/** @param field the number of the first of three */
function callCounts(
  written: ProtobufWriter,
  field: number,
  { started, succeeded, failed }: CallCounts,
): ProtobufWriter {
  return written
    .number(field, started)
    .number(field + 1, succeeded)
    .number(field + 2, failed);
}

function socketData({
  streamsStarted,
  streamsFailed,
  streamsOpen,
  pingsSent,
  sendWindow,
  receiveWindow,
  state,
}: SocketReport): ProtobufWriter {
  return (
    message()
      .number(1, streamsStarted)
      .number(2, Math.max(0, streamsStarted - streamsFailed - streamsOpen))
      .number(3, streamsFailed)
      .number(6, pingsSent)
      // The window that the peer gives us is the local one.
      .message(11, message().number(1, Math.max(0, sendWindow)))
      .message(12, message().number(1, Math.max(0, receiveWindow)))
      .message(13, message().text(1, 'state').text(2, state))
  );
}

function tcpAddress({ address, port }: SocketEnd): ProtobufWriter {
  return message().message(1, message().blob(1, ipBytes(address)).number(2, port));
}

/** @returns 4 or 16 bytes; none for a text that is no IP address, such as a name */
export function ipBytes(text: string): Buffer {
  const address = text.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [before, after] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const bytes = Buffer.alloc(16);
  const groups =
    after === undefined ? before : [...before, ...zeros(8 - before.length - after.length), ...after];
  if (groups.length !== 8 || groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return Buffer.alloc(0);
  groups.forEach((group, index) => bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index));
  return bytes;
}

function zeros(count: number): readonly string[] {
  return Array.from({ length: Math.max(0, count) }, () => '0');
}
