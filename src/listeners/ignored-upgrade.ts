// Tells WebSocket upgrades from others, and rewrites the head of a request whose upgrade is ignored (RFC 9110 section 7.8).

import type { IncomingMessage } from 'node:http';

type RequestHeadOnly = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'rawHeaders'>;

/** Whether the request opens a WebSocket: a GET of HTTP/1.1 (RFC 6455 section 4.1) without content before the frames. */
export function isWebSocket({ method, headers, httpVersion }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['transfer-encoding'] === undefined &&
    /^0*$/.test(headers['content-length'] ?? '')
  );
}

/**
 * The head of a request as its client would have sent it without the upgrade. Node's parser leaves everything after a request
 * with Upgrade unparsed, including the body, so it has to read the request again without this field.
 */
export function headWithoutUpgrade(request: RequestHeadOnly): Buffer {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index].toLowerCase();
    const value = name === 'connection' ? withoutOption(rawHeaders[index + 1]) : rawHeaders[index + 1];
    if (name !== 'upgrade' && (name !== 'connection' || value !== '')) {
      lines.push(`${rawHeaders[index]}: ${value}`);
    }
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function withoutOption(connection: string): string {
  const options = connection.split(',').map((option) => option.trim());
  return options.filter((option) => option.toLowerCase() !== 'upgrade').join(', ');
}
