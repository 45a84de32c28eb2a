// The HTTP/1.1 service of the web fuzzer: it finds the script of a request by the token in its target, and looks strictly
// at what arrives, as the strictest service would. It never throws; what is wrong is kept for the judge.

import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FoundToken, HIDDEN, type ServiceScript, tokensIn, type WebSession } from './web-session.ts';

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const FIELD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*(?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?$/;
const NEVER_IN_TRAILERS =
  /^(?:content-length|transfer-encoding|host|trailer|connection|te|upgrade|x-forwarded-[a-z]+):/i;

export interface ReceivedRequest {
  readonly method: string;
  readonly head: string;
  /** Without its framing. */
  content: string;
  isWhole: boolean;
}

/** What was seen of one session. */
export class SessionLog {
  readonly requests = new Map<number, ReceivedRequest[]>();
  readonly problems: string[] = [];
  /** What went into tunnels here, in the order of arrival. */
  tunnel = '';
  /** Requests whose script has not come to its end. */
  running = 0;
}

export class ScriptedService {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Map<number, { readonly session: WebSession; readonly log: SessionLog }>();
  /** What belongs to no session that is known. */
  readonly problems: string[] = [];
  requests = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      ServiceConnection.serve(socket, this);
    });
  }

  static async start(): Promise<ScriptedService> {
    // A script decides when this side ends.
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    return new ScriptedService(server);
  }

  get port(): number {
    const bound = this.#server.address();
    return bound === null || typeof bound === 'string' ? 0 : bound.port;
  }

  expect(session: WebSession): SessionLog {
    const log = new SessionLog();
    this.#sessions.set(session.seed, { session, log });
    return log;
  }

  forget(session: WebSession): void {
    this.#sessions.delete(session.seed);
  }

  find(seed: number): { readonly session: WebSession; readonly log: SessionLog } | undefined {
    return this.#sessions.get(seed);
  }

  /** Whether a client that is meant to send anything has sent this: a token that was changed is no token any more. */
  isMadeUp(target: string): boolean {
    for (const { session } of this.#sessions.values())
      if (!session.isLegal && JSON.stringify(session.items).includes(target)) return true;
    return false;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** One connection that the proxy has made: requests one after another, or a tunnel. */
class ServiceConnection {
  readonly #socket: Socket;
  readonly #service: ScriptedService;
  #text = '';
  #current: RequestReader | undefined = undefined;
  #log: SessionLog | undefined = undefined;
  #isBusy = false;
  /** All of its answer was sent; the rest of the request may still come, and the next one close behind it. */
  #hasAnswered = false;
  #isTunnel = false;
  /** It has sent a 101: what comes behind is no request, whether it is echoed or not. */
  #hasSwitched = false;
  #isOver = false;
  #hasFin = false;

  /** It lives as long as its socket. */
  static serve(socket: Socket, service: ScriptedService): ServiceConnection {
    return new ServiceConnection(socket, service);
  }

  private constructor(socket: Socket, service: ScriptedService) {
    this.#socket = socket;
    this.#service = service;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('end', () => {
      this.#hasFin = true;
      // An idle connection is given up; in a tunnel the other side ends with the first.
      if (!this.#isBusy || this.#isTunnel) socket.end();
    });
    socket.on('close', () => {
      this.#isOver = true;
    });
  }

  #receive(text: string): void {
    if (this.#isTunnel) {
      if (this.#log !== undefined) this.#log.tunnel += text;
      if (this.#socket.writable) this.#socket.write(text, 'latin1');
      return;
    }
    this.#text += text;
    this.#read();
  }

  #read(): void {
    if (this.#current === undefined) {
      if (this.#hasSwitched) return;
      const end = this.#text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 4);
      this.#begin(head);
    }
    const current = this.#current;
    if (current === undefined) return;
    this.#text = current.read(this.#text);
    if (current.problem !== undefined) this.#complain(current.problem, current.request.head);
    else if (
      current.request.isWhole &&
      this.#text !== '' &&
      !this.#isTunnel &&
      this.#isBusy &&
      !this.#hasAnswered &&
      !current.isUpgrade
    )
      this.#complain('a request before the answer to the last one', this.#text);
  }

  #begin(head: string): void {
    this.#service.requests++;
    const reader = new RequestReader(head);
    const [found] = tokensIn(head.split('\r\n', 1)[0]);
    const known = found === undefined ? undefined : this.#service.find(found.seed);
    // What no client is meant to send may have lost the token of its path; its session may be over by now.
    const [sender] = tokensIn(head);
    const isMadeOdd =
      (sender !== undefined && this.#service.find(sender.seed)?.session.isLegal !== true) ||
      this.#service.isMadeUp(head.split(' ', 2)[1] ?? head);
    this.#log = known?.log;
    if (reader.problem !== undefined) this.#complain(reader.problem, head);
    if (known === undefined || found === undefined) {
      // A session that is over may have left something behind: a retry, a body.
      if (found === undefined && !isMadeOdd) this.#complain('a request that nobody has sent', head);
      this.#socket.destroy();
      return;
    }
    if (found.number >= HIDDEN) this.#complain('a request that was hidden in another', head);
    // What its own client has sent: a changed digit makes the token of another session.
    const sent = new Set(tokensIn(JSON.stringify(known.session.items)).map((own) => own.seed));
    const isForeign = ({ seed, number }: FoundToken): boolean =>
      (seed !== found.seed && !sent.has(seed) && this.#service.find(seed) !== undefined) ||
      (seed === found.seed && number !== found.number && known.session.isLegal);
    if (tokensIn(head).some(isForeign)) this.#complain('fields of two requests in one', head);
    const { log, session } = known;
    log.requests.set(found.number, [...(log.requests.get(found.number) ?? []), reader.request]);
    this.#current = reader;
    const script = session.scripts[found.number];
    if (script === undefined) {
      this.#socket.destroy();
      return;
    }
    void this.#play(script, reader, log);
  }

  async #play(script: ServiceScript, reader: RequestReader, log: SessionLog): Promise<void> {
    log.running++;
    this.#isBusy = true;
    this.#hasAnswered = false;
    for (const step of script.steps) {
      if (this.#isOver) break;
      switch (step.do) {
        case 'send':
          this.#hasSwitched ||= step.text.startsWith('HTTP/1.1 101 ');
          if (this.#socket.writable)
            this.#socket.write(step.text.replace('%A', acceptOf(reader.request.head)), 'latin1');
          break;
        case 'request':
          // FIN before its end: the rest never comes.
          while (!reader.request.isWhole && !this.#isOver && !this.#hasFin && reader.problem === undefined)
            await nextTurn();
          break;
        case 'turns':
          for (let turn = step.count; turn > 0; turn--) await nextTurn();
          break;
        case 'echo':
          this.#isTunnel = true;
          this.#isBusy = false;
          this.#current = undefined;
          this.#receive(this.#text);
          if (this.#hasFin) this.#socket.end();
          while (!this.#isOver) await new Promise((resolve) => setTimeout(resolve, 5));
          break;
        case 'fin':
          this.#socket.end();
          break;
        case 'reset':
          this.#socket.resetAndDestroy();
          break;
      }
    }
    this.#hasAnswered = true;
    // An early answer: the rest of the request still comes, unless the proxy gives up.
    while (!reader.request.isWhole && !this.#isOver && !this.#hasFin && reader.problem === undefined)
      await new Promise((resolve) => setTimeout(resolve, 2));
    if (this.#hasFin) this.#socket.end();
    log.running--;
    this.#isBusy = false;
    this.#current = undefined;
    if (!this.#isOver && !this.#isTunnel) this.#read();
  }

  #complain(what: string, text: string): void {
    const problem = `the service got ${what}: ${JSON.stringify(text.slice(0, 600))}`;
    (this.#log?.problems ?? this.#service.problems).push(problem);
    this.#socket.destroy();
  }
}

function acceptOf(head: string): string {
  const key = /^sec-websocket-key:[ \t]*(\S*)/im.exec(head)?.[1] ?? '';
  return createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64');
}

/** The strictest reading of one request (RFC 9112). */
class RequestReader {
  readonly request: ReceivedRequest;
  readonly isUpgrade: boolean;
  problem: string | undefined = undefined;
  readonly #length: number | undefined;
  readonly #isChunked: boolean;
  /** Of the chunk under way. */
  #left = 0;
  #isInTrailers = false;

  constructor(head: string) {
    const [line, ...fields] = head.split('\r\n');
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.1$/.exec(line);
    this.request = { method: match?.[1] ?? '', head, content: '', isWhole: false };
    if (match === null) this.problem = 'no request line';
    const wrong = fields.find((field) => !FIELD.test(field));
    if (wrong !== undefined) this.problem = `a field that is none (${JSON.stringify(wrong.slice(0, 80))})`;
    const valuesOf = (name: string): string[] =>
      fields
        .filter((field) => field.toLowerCase().startsWith(`${name}:`))
        .map((field) => field.slice(name.length + 1).trim());
    const hosts = valuesOf('host');
    const lengths = valuesOf('content-length');
    const codings = valuesOf('transfer-encoding');
    if (hosts.length !== 1) this.problem = `${hosts.length} Host fields`;
    else if (!/^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/.test(hosts[0]))
      this.problem = 'an odd Host';
    if (lengths.length + codings.length > 1) this.problem = 'more than one length';
    if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0])) this.problem = 'an odd Content-Length';
    if (codings.length === 1 && codings[0].toLowerCase() !== 'chunked')
      this.problem = 'an odd Transfer-Encoding';
    if (valuesOf('http2-settings').length > 0) this.problem = 'HTTP2-Settings';
    this.isUpgrade = valuesOf('upgrade').length > 0;
    this.#isChunked = codings.length === 1;
    this.#length = lengths.length === 1 ? Number(lengths[0]) : undefined;
  }

  /** @returns what is behind the request, or not to be read yet */
  read(text: string): string {
    const { request } = this;
    if (request.isWhole || this.problem !== undefined) return text;
    if (!this.#isChunked) {
      const missing = (this.#length ?? 0) - request.content.length;
      request.content += text.slice(0, missing);
      request.isWhole = request.content.length >= (this.#length ?? 0);
      return text.slice(missing);
    }
    return this.#readChunks(text);
  }

  #readChunks(whole: string): string {
    let text = whole;
    for (;;) {
      if (this.#left > 0) {
        const piece = text.slice(0, this.#left);
        this.#left -= piece.length;
        text = text.slice(piece.length);
        // The end of line behind a chunk is counted with it.
        this.request.content += piece;
        if (this.#left > 0) return text;
        if (!this.request.content.endsWith('\r\n')) this.problem = 'a chunk that is longer than its size';
        this.request.content = this.request.content.slice(0, -2);
      }
      const end = text.indexOf('\r\n');
      if (end < 0) return text;
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      if (this.#isInTrailers) {
        if (line === '') {
          this.request.isWhole = true;
          return text;
        }
        if (!FIELD.test(line) || NEVER_IN_TRAILERS.test(line))
          this.problem = `the trailer ${JSON.stringify(line)}`;
      } else if (!/^[0-9a-fA-F]{1,8}$/.test(line)) this.problem = `the chunk size ${JSON.stringify(line)}`;
      else if (Number.parseInt(line, 16) === 0) this.#isInTrailers = true;
      else this.#left = Number.parseInt(line, 16) + 2;
      if (this.problem !== undefined) return text;
    }
  }
}
