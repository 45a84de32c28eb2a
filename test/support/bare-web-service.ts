// Web services and clients on bare sockets, for the rows of tests about the ends of calls.

import type { Socket } from 'node:net';
import type { Bare, BareClient, Scene } from './call-ends.ts';
import { eventually } from './eventually.ts';
import { websocketAccept } from './websocket-accept.ts';

/** A service of HTTP/1.1 that does something once it has a whole head. */
export function webService(act: (socket: Socket, head: string) => unknown): Bare {
  return {
    onSocket: (socket) => {
      let text = '';
      let isSeen = false;
      socket.setEncoding('latin1');
      socket.on('data', (piece: string) => {
        text += piece;
        if (isSeen || !text.includes('\r\n\r\n')) return;
        isSeen = true;
        act(socket, text);
      });
    },
  };
}

export const answers = (...lines: readonly string[]) =>
  webService((socket) => socket.write(`${lines.join('\r\n')}\r\n\r\n`));

/** Accepts a WebSocket. The key is the proxy's. */
export function accept(socket: Socket, head: string): void {
  const key = /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? '';
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'upgrade: websocket',
    'connection: Upgrade',
    `sec-websocket-accept: ${websocketAccept(key)}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}

/** Sends a head and a body, and waits for some text of the answer, or for the end of the connection. */
export function sends(
  head: readonly string[],
  body: Buffer | string,
  awaited: string,
  then?: (client: BareClient, scene: Scene) => unknown,
) {
  return async (scene: Scene): Promise<void> => {
    const client = await scene.socket();
    client.send(...head);
    client.socket.write(body);
    await eventually(
      `"${awaited}" or the end`,
      () => client.received.includes(awaited) || client.isClosed || undefined,
    );
    await then?.(client, scene);
  };
}
