// A server that speaks as much RESP as a test needs, and answers scripts with what the test says: also with what no Redis would send.

import { createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface ScriptedServer {
  readonly port: number;
  /** The names of the commands that have arrived, in upper case. */
  readonly commands: readonly string[];
  /** What was sent to log in. */
  readonly credentials: readonly string[];
  /** Closes the listener and all connections. */
  stop(): Promise<void>;
  /** Listens again on the same port. */
  start(): Promise<void>;
}

/** @returns RESP, or undefined for no answer */
export type AnswerScript = (keys: number, values: readonly string[], socket: Socket) => string | undefined;

/** @param says answers to commands by their names, instead of those below */
export async function scriptedServer(
  t: Pick<TestContext, 'after'>,
  answer: AnswerScript,
  says: Readonly<Record<string, (words: readonly string[]) => string>> = {},
): Promise<ScriptedServer> {
  const commands: string[] = [];
  const credentials: string[] = [];
  const sockets = new Set<Socket>();
  let port = 0;
  let server: Server | undefined;

  const replyTo = ([name, ...words]: readonly string[], socket: Socket): string | undefined => {
    commands.push(name.toUpperCase());
    const say = says[name.toUpperCase()];
    if (say !== undefined) return say(words);
    switch (name.toUpperCase()) {
      case 'AUTH':
        credentials.push(...words);
        return '+OK\r\n';
      case 'INFO':
        return bulk('redis_version:7.0.0\r\nloading:0\r\nrole:master\r\n');
      case 'EVALSHA':
      case 'EVAL':
        return answer(Number(words[1]), words.slice(2 + Number(words[1])), socket);
      default:
        return '+OK\r\n';
    }
  };
  const onConnection = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let read = readCommand(text); read !== undefined; read = readCommand(text)) {
        text = text.slice(read.length);
        const reply = replyTo(read.words, socket);
        if (reply !== undefined && !socket.destroyed) socket.write(reply);
      }
    });
  };
  const start = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    server = createServer(onConnection).listen(port, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    if (typeof address === 'object' && address !== null) port = address.port;
  };
  const stop = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    server?.close(() => resolve());
    for (const socket of sockets) socket.destroy();
    await promise;
  };
  await start();
  t.after(stop);
  return {
    commands,
    credentials,
    stop,
    start,
    get port() {
      return port;
    },
  };
}

export function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

/** What a script returns that is a list of numbers. */
export function numbers(...values: readonly number[]): string {
  return `*${values.length}\r\n${values.map((value) => `:${value}\r\n`).join('')}`;
}

/** A list of texts. */
export function texts(...values: readonly string[]): string {
  return `*${values.length}\r\n${values.map(bulk).join('')}`;
}

/** Grants all that is wanted, and says that one process shares the store. */
export const generous: AnswerScript = (keys, values) => {
  if (isPresence(values)) return ':1\r\n';
  return numbers(...Array.from({ length: keys }, (_, at) => [Number(values[4 + 3 * at]), 0, 100]).flat());
};

/** Whether a script is the one by which a proxy says that it is there. */
export function isPresence(values: readonly string[]): boolean {
  return values.length === 3;
}

interface ReadCommand {
  readonly words: readonly string[];
  readonly length: number;
}

function readCommand(text: string): ReadCommand | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return undefined;
  const words: string[] = [];
  let at = head[0].length;
  for (let left = Number(head[1]); left > 0; left--) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20));
    if (size === null) return undefined;
    const begin = at + size[0].length;
    const end = begin + Number(size[1]);
    if (text.length < end + 2) return undefined;
    words.push(text.slice(begin, end));
    at = end + 2;
  }
  return { words, length: at };
}
