// The server of grpc/grpc's negative HTTP/2 tests (doc/http2-interop-test-descriptions.md), frame by frame: it answers each large
// unary call as the case asks, rightly or not, and keeps what its own assertions need.

import { Flag, FrameType } from '../../../../src/h2/frame-type.ts';
import { SettingId } from '../../../../src/h2/settings.ts';
import { eventually } from '../../../support/eventually.ts';
import { goAwayFrame, grpcMessage, rawFrame } from '../../../support/raw-frames.ts';
import type { RawPeer, ReceivedFrame } from '../../../support/raw-peer.ts';
import { type RawRequest, type RawServer, startRawServer } from '../../../support/raw-server.ts';
import { sendPadded } from './padded-data.ts';

export const negativeCases = [
  'goaway',
  'rst_after_header',
  'rst_during_data',
  'rst_after_data',
  'ping',
  'max_streams',
  'data_frame_padding',
] as const;

export type NegativeCase = (typeof negativeCases)[number];

export interface NegativeServer {
  readonly port: number;
  /** Of the connections that carried a call. */
  readonly connections: () => number;
  /** The most calls that were open on one connection at a time. */
  readonly mostStreams: () => number;
  /** PINGs sent, and those that were not acknowledged. */
  readonly pings: () => { readonly sent: number; readonly outstanding: number };
  close(): void;
}

export const responseBytes = 314_159;
const NO_ERROR = 0;
const DATA_TIMEOUT_MS = 60_000;

/** SimpleResponse { payload { body: zeros } } as a gRPC message. */
const message = grpcMessage(lengthDelimited(1, lengthDelimited(2, Buffer.alloc(responseBytes))));
/** Up to the zeros. */
const messageHead = message.subarray(0, message.length - responseBytes);

export async function startNegativeServer(name: NegativeCase): Promise<NegativeServer> {
  const used = new Set<RawPeer>();
  const pings = { sent: 0, outstanding: 0 };
  const open = new Map<RawPeer, number>();
  let mostStreams = 0;
  const sendPing = (peer: RawPeer): void => {
    pings.sent++;
    pings.outstanding++;
    peer.send(rawFrame(FrameType.PING, 0, 0, Buffer.alloc(8, pings.sent)));
  };
  const over = ({ peer }: RawRequest): void => {
    open.set(peer, (open.get(peer) ?? 0) - 1);
  };
  const reset = (request: RawRequest): void => {
    over(request);
    request.reset(NO_ERROR);
  };
  const answer = async (request: RawRequest): Promise<void> => {
    const { peer, streamId } = request;
    if (name === 'ping') sendPing(peer);
    request.sendHeaders();
    if (name === 'ping') sendPing(peer);
    if (name === 'rst_after_header') return reset(request);
    if (name === 'data_frame_padding') await sendPadded(peer, streamId, message);
    else await sendZeros(peer, streamId, name === 'rst_during_data' ? responseBytes / 2 : responseBytes);
    if (name === 'ping') sendPing(peer);
    if (name === 'rst_during_data' || name === 'rst_after_data') return reset(request);
    over(request);
    request.sendTrailers();
    if (name === 'ping') sendPing(peer);
    if (name === 'goaway') peer.send(goAwayFrame(streamId, NO_ERROR));
  };
  const server: RawServer = await startRawServer({
    settings: name === 'max_streams' ? [[SettingId.MAX_CONCURRENT_STREAMS, 1]] : [],
    onRequest: ({ peer }) => {
      used.add(peer);
      const count = (open.get(peer) ?? 0) + 1;
      open.set(peer, count);
      mostStreams = Math.max(mostStreams, count);
    },
    // What stops an answer on its way is the end of the connection, which the case sees by its call.
    onRequestEnd: (request) => void answer(request).catch(() => undefined),
    onFrame: (frame) => {
      if (isPingAck(frame)) pings.outstanding--;
    },
  });
  return {
    port: server.port,
    connections: () => used.size,
    mostStreams: () => mostStreams,
    pings: () => ({ ...pings }),
    close: () => server.close(),
  };
}

async function sendZeros(peer: RawPeer, streamId: number, count: number): Promise<void> {
  const total = Math.floor(count);
  peer.sendData(streamId, messageHead);
  peer.pump(streamId, total);
  await eventually(`${total} bytes are sent`, () => peer.pumped(streamId) === total, DATA_TIMEOUT_MS);
}

function isPingAck({ type, flags }: ReceivedFrame): boolean {
  return type === FrameType.PING && (flags & Flag.ACK) !== 0;
}

function lengthDelimited(field: number, content: Buffer): Buffer {
  const bytes = [field * 8 + 2];
  let rest = content.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...bytes, rest]), content]);
}
