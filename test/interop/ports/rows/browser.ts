// What headless Chromium gets. `npm run test:browser` proves these rows by the cases they name; here they are only told.

import type { RowElsewhere } from '../port-row.ts';

function row(
  client: string,
  answer: string,
  provenByCase: RowElsewhere['provenByCase'],
  token?: NonNullable<RowElsewhere['token']>,
): RowElsewhere {
  const text = { client: `Chromium, ${client}`, port: 'tls', answer } as const;
  return { ...text, provenByCase, ...(token === undefined ? {} : { token }) };
}

export const browserRows: readonly RowElsewhere[] = [
  row('a page', 'served over HTTP/2', {
    file: 'web-pages.ts',
    name: 'page: it was loaded over ',
  }),
  row('`EventSource`', 'each event as it comes', {
    file: 'server-events.ts',
    name: 'EventSource: each event arrives before the next one is sent',
  }),
  row('`WebSocket`', "served, on the page's own HTTP/2 connection (RFC 8441)", {
    file: 'web-sockets.ts',
    name: "WebSocket: it is a stream of the page's own HTTP/2 connection (RFC 8441)",
  }),
  row('`grpc-web`', 'served, unary and server streaming', {
    file: 'grpc-web-package.ts',
    name: 'a stream arrives whole and in order',
  }),
  row('`@connectrpc/connect-web`, gRPC-Web', 'served, unary and server streaming', {
    file: 'connect-web.ts',
    name: 'connect-web: a stream arrives whole and in order',
  }),
  row('gRPC-Web from an origin in `grpcWeb.origins`', 'served', {
    file: 'cross-origin.ts',
    name: 'CORS, named origin: a unary call with metadata of its own',
  }),
  row(
    'gRPC-Web from another origin',
    'the page gets an error, the service nothing',
    {
      file: 'cross-origin.ts',
      name: 'CORS, foreign origin: the call fails, never arrives, and is in the log',
    },
    'grpc_web_origin_refused',
  ),
];
