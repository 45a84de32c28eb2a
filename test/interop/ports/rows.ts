// The table: every row, in the order of docs/clients-and-ports.md.

import type { PortRow } from './port-row.ts';
import { browserRows } from './rows/browser.ts';
import { curlRows } from './rows/curl.ts';
import { curlOfGrpcRows } from './rows/curl-of-grpc.ts';
import { grpcJsRows } from './rows/grpc-js.ts';
import { grpcioRows } from './rows/grpcio.ts';
import { handshakeRows } from './rows/handshake.ts';
import { proxyProtocolRows } from './rows/proxy-protocol.ts';
import { upstreamRows } from './rows/upstream.ts';
import { webSocketRows } from './rows/websocket.ts';

export const portRows: readonly PortRow[] = [
  ...grpcioRows,
  ...grpcJsRows,
  ...curlOfGrpcRows,
  ...curlRows,
  ...handshakeRows,
  ...webSocketRows,
  ...browserRows,
  ...proxyProtocolRows,
  ...upstreamRows,
];
