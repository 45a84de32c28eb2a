// A client of grpc.channelz.v1, by the messages that @grpc/grpc-js has.

import assert from 'node:assert/strict';
import {
  Client,
  credentials,
  getChannelzServiceDefinition,
  makeGenericClientConstructor,
} from '@grpc/grpc-js';
import { ProtobufWriter } from '../../src/grpc/protobuf-writer.ts';

export interface Ref {
  readonly channel_id?: string;
  readonly subchannel_id?: string;
  readonly server_id?: string;
  readonly socket_id?: string;
  readonly name: string;
}

export interface Entity {
  readonly ref: Ref;
  readonly data: Readonly<Record<string, unknown>> & {
    readonly state?: { readonly state: string };
    readonly trace?: { readonly events: readonly { readonly description: string }[] } | null;
  };
  readonly subchannel_ref?: readonly Ref[];
  readonly socket_ref?: readonly Ref[];
  readonly listen_socket?: readonly Ref[];
  readonly local?: { readonly tcpip_address: { readonly ip_address: Buffer; readonly port: number } };
  readonly remote?: { readonly tcpip_address: { readonly ip_address: Buffer; readonly port: number } };
  readonly security?: { readonly tls: { readonly standard_name: string } } | null;
  readonly remote_name?: string;
}

/** What a response of any method has: the fields of those that the method does not have are missing. */
export interface ChannelzResponse {
  readonly channel: readonly Entity[] & Entity;
  readonly server: readonly Entity[] & Entity;
  readonly subchannel: Entity;
  readonly socket: Entity;
  readonly socket_ref: readonly Ref[];
  readonly end: boolean;
}

export interface ChannelzClient {
  /** Rejects with the error of grpc-js, which has the status as `code`. */
  ask(method: string, request?: Readonly<Record<string, string | number>>): Promise<ChannelzResponse>;
  close(): void;
}

/**
 * Asks grpc.health.v1 once.
 * @param address 'host:port' or 'unix:/path'
 * @returns the number of the status of health, or 'grpc 5' for a call that fails
 */
export function healthAt(address: string, service: string): Promise<number | string> {
  const client = new Client(address, credentials.createInsecure());
  const request = new ProtobufWriter().text(1, service).bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', asIs, asIs, request, (error, response) => {
      client.close();
      resolve(error === null ? (response?.[1] ?? 0) : `grpc ${error.code}`);
    });
  });
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** @param address 'host:port' or 'unix:/path' */
export function connectChannelz(address: string): ChannelzClient {
  const definition = getChannelzServiceDefinition();
  const ChannelzStub = makeGenericClientConstructor(definition, 'Channelz');
  const client = new ChannelzStub(address, credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
  return {
    ask: (method, request = {}) =>
      new Promise((resolve, reject) => {
        const call: unknown = client[method];
        assert.ok(typeof call === 'function', `there is no method ${method}`);
        call.call(client, request, (error: Error | null, response: ChannelzResponse) => {
          if (error === null) resolve(response);
          else reject(error);
        });
      }),
    close: () => client.close(),
  };
}
