// Opens a WebSocket with Node's own client, sends a text and a binary message, and reports what came back, as JSON lines.
// A program of its own: the authority to trust is given to Node when it starts (NODE_EXTRA_CA_CERTS).

import { once } from 'node:events';

const [, , url] = process.argv;
const socket = new WebSocket(url);
socket.binaryType = 'arraybuffer';
const failed = Promise.withResolvers<never>();
socket.addEventListener('error', () => failed.reject(new Error(`the WebSocket ${url} failed`)));

async function happens(name: 'open' | 'message' | 'close'): Promise<unknown> {
  const [event]: unknown[] = await Promise.race([once(socket, name), failed.promise]);
  return event;
}

await happens('open');
const binary = new Uint8Array(25_600).map((_, index) => index);
for (const message of ['grüße', binary]) {
  socket.send(message);
  const event = await happens('message');
  const data = event instanceof MessageEvent ? event.data : undefined;
  const isSame = data instanceof ArrayBuffer ? Buffer.from(data).equals(binary) : data === message;
  console.log(JSON.stringify({ event: 'echo', is_same: isSame }));
}
socket.close(1000);
await happens('close');
