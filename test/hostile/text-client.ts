// A client of HTTP/1.1 without manners: text on a bare socket, in plaintext or over TLS, and what came back as text.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { eventually } from '../support/eventually.ts';
import type { Stage } from './stage.ts';

export class TextClient {
  readonly socket: Socket;
  text = '';
  isGone = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      this.text += text;
    });
    socket.on('close', () => {
      this.isGone = true;
    });
  }

  static async open(
    stage: Stage,
    listener: 'clear' | 'tls' = 'clear',
    from = '127.0.0.1',
  ): Promise<TextClient> {
    const plain = connect({ host: '127.0.0.1', port: stage.port(listener), localAddress: from });
    plain.on('error', () => undefined);
    if (listener === 'clear') {
      await once(plain, 'connect');
      return new TextClient(plain);
    }
    const secure = connectTls({
      socket: plain,
      ca: stage.caPem,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
    });
    await once(secure, 'secureConnect');
    return new TextClient(secure);
  }

  /** In one segment. */
  send(text: string): this {
    if (this.socket.writable) this.socket.write(text, 'latin1');
    return this;
  }

  /** So many status lines have come, or the connection is gone. */
  async wantAnswers(count: number): Promise<void> {
    await eventually(
      `${count} answers`,
      () => this.isGone || (this.text.match(/(?:^|\n)?HTTP\/1\.1 [2-5]\d\d /g) ?? []).length >= count,
    );
  }

  leave(): void {
    this.socket.destroy();
  }
}
