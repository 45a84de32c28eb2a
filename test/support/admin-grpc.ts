// Calls the gRPC services of an admin server, frame by frame.

import assert from 'node:assert/strict';
import type { Address } from '../../src/config/address.ts';
import { ProtobufWriter } from '../../src/grpc/protobuf-writer.ts';
import { eventually } from './eventually.ts';
import { connectRawClient, type RawClient } from './raw-client.ts';
import { type Fields, grpcMessage } from './raw-frames.ts';

export const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

export function portOf(address: Address): number {
  assert.equal(address.kind, 'tcp');
  return address.port;
}

export function connectAdmin(address: Address): Promise<RawClient> {
  return connectRawClient({ port: portOf(address) });
}

export function healthRequest(service: string): Buffer {
  return grpcMessage(new ProtobufWriter().text(1, service).bytes);
}

export interface AdminCall {
  readonly service?: string;
  readonly body?: Buffer;
  readonly fields?: Fields;
  readonly endStream?: boolean;
}

/** @returns the id of the stream. @param method 'Health/Check' */
export function begin(client: RawClient, method: string, call: AdminCall = {}): number {
  const { service = '', body = healthRequest(service), fields = [], endStream = true } = call;
  return client.call({
    path: `/grpc.${method.startsWith('Health') ? 'health' : 'channelz'}.v1.${method}`,
    fields: fields.some(([name]) => name === ':authority')
      ? fields
      : [[':authority', 'localhost'], ...fields],
    body,
    endStream,
  });
}

/** @returns the status of the response, or that of the call: 'NOT_SERVING' or 'grpc 5' */
export async function check(client: RawClient, service: string, fields: Fields = []): Promise<string> {
  const { content, grpcStatus } = await client.outcome(begin(client, 'Health/Check', { service, fields }));
  return grpcStatus === '0' ? statusesIn(content).join() : `grpc ${grpcStatus}`;
}

/** The statuses that a stream of HealthCheckResponse has brought so far. */
export function statusesIn(content: Buffer): readonly string[] {
  const statuses: string[] = [];
  for (let at = 0; at + 5 <= content.length; at += 5 + content.readUInt32BE(at + 1)) {
    const length = content.readUInt32BE(at + 1);
    if (at + 5 + length <= content.length) statuses.push(STATUSES[length === 0 ? 0 : content[at + 6]]);
  }
  return statuses;
}

/** Waits until a stream of Watch has brought so many statuses. */
export function watched(client: RawClient, streamId: number, count: number): Promise<readonly string[]> {
  return eventually(`status ${count} on stream ${streamId}`, () => {
    const statuses = statusesIn(client.contentOf(streamId));
    return statuses.length >= count && statuses;
  });
}
