// Opens the generator's connections one after another, so that handshakes do not queue up in a proxy.

import { GRPC_REQUEST_HEADERS } from '../compare/request-headers.ts';
import { CallConnection } from './call-connection.ts';
import { type Fields, fieldBytes } from './header-blocks.ts';

export const HEADERS: Fields = Object.entries(GRPC_REQUEST_HEADERS);

/** @param more fields of each call, beside those of every gRPC client */
export async function openConnections(
  port: number,
  count: number,
  more: Fields = [],
): Promise<readonly CallConnection[]> {
  const headers = [...HEADERS, ...more];
  const connections: CallConnection[] = [];
  while (connections.length < count) connections.push(await CallConnection.open({ port, headers }));
  return connections;
}

/** @returns the number of bytes in names and values of a call's request fields, pseudo-header fields included */
export function requestBytes(port: number, path: string): number {
  return fieldBytes([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', `127.0.0.1:${port}`],
    ...HEADERS,
  ]);
}
