// Reads GET /api/events or another page of server-sent events of a proxy process, as any client would.

import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { eventually } from './eventually.ts';

export type ReadEvent = Readonly<Record<string, unknown>>;

export class EventReader {
  readonly events: ReadEvent[] = [];
  status = 0;
  hasEnded = false;
  #text = '';
  readonly #sent: ClientRequest;
  #response: IncomingMessage | undefined = undefined;

  constructor(port: number, query = '', page = '/api/events') {
    this.#sent = request({ host: '127.0.0.1', port, path: `${page}?${query}`, agent: false });
    this.#sent.on('error', () => {
      this.hasEnded = true;
    });
    this.#sent.on('response', (response) => {
      this.status = response.statusCode ?? 0;
      this.#response = response;
      response.setEncoding('utf8');
      response.on('data', (piece: string) => this.#read(piece));
      response.on('close', () => {
        this.hasEnded = true;
      });
    });
    this.#sent.end();
  }

  /** Resolves when the proxy has subscribed it. */
  async opened(): Promise<this> {
    await eventually('the stream of events is open', () => this.of('open').length === 1);
    return this;
  }

  /** Resolves to the first `count` events with this kind, once there are so many. */
  want(kind: string, count = 1): Promise<readonly ReadEvent[]> {
    return eventually(`${count} events ${kind}`, () => {
      const found = this.of(kind);
      return found.length >= count && found.slice(0, count);
    });
  }

  of(kind: string): readonly ReadEvent[] {
    return this.events.filter(({ event }) => event === kind);
  }

  /** The count of all events that were dropped. */
  get dropped(): number {
    return this.of('dropped').reduce((sum, { events }) => sum + Number(events), 0);
  }

  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  close(): void {
    this.#sent.destroy();
  }

  #read(piece: string): void {
    const messages = `${this.#text}${piece}`.split('\n\n');
    this.#text = messages.pop() ?? '';
    for (const message of messages)
      if (message.startsWith('data: ')) this.events.push(JSON.parse(message.slice('data: '.length)));
  }
}
