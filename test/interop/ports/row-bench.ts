// What one row works with: its port, and the real clients. Where a client can be told, it calls from an address that no
// other row has, since Framegate logs what the same peer repeats only once a minute.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ChannelOptions } from '../../../src/demo/grpc.ts';
import { connectVoiceClient, type TestVoiceClient } from '../../support/voice-client.ts';
import type { Report } from '../child-process.ts';
import { type CommandOptions, type CommandResult, runCommand } from './command.ts';
import { type CurlResult, curlArguments, parseCurl } from './curl.ts';
import type { PortName } from './port-row.ts';
import type { PortsBench } from './ports-bench.ts';
import type { FoundTool, Tool, Tools } from './tools.ts';

const pythonModules = join(import.meta.dirname, '../python');
const pythonPrograms = join(import.meta.dirname, 'python');
const nodeWebSocketProgram = join(import.meta.dirname, 'node-websocket.ts');

/** Where clients call from that cannot be told, one and all. */
export const DEFAULT_HOST = '127.0.0.1';

/** How one call of python/channel_calls.py ended. */
export interface CallReport {
  readonly code: string;
  readonly details: string;
  readonly text: string;
}

export class RowBench {
  readonly ports: PortsBench;
  readonly port: number;
  /** Where the log began that belongs to this row. */
  readonly logPosition: number;
  readonly #tools: Tools;
  #source: string;
  #clientHost = DEFAULT_HOST;

  constructor(ports: PortsBench, listener: PortName, source: string, tools: Tools) {
    this.ports = ports;
    this.port = ports.portOf(listener);
    this.#source = source;
    this.logPosition = ports.log.length;
    this.#tools = tools;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get caFile(): string {
    return this.ports.run.certificates.caFile;
  }

  /** The address that clients call from where they can be told. */
  get source(): string {
    return this.#source;
  }

  callFrom(address: string): void {
    this.#source = address;
  }

  /** Where the client called from. */
  get clientHost(): string {
    return this.#clientHost;
  }

  url(scheme: 'http' | 'https' | 'ws' | 'wss', path = '/'): string {
    return `${scheme}://localhost:${this.port}${path}`;
  }

  curl(url: string, ...args: readonly string[]): Promise<CurlResult> {
    return this.curlWith(undefined, url, ...args);
  }

  /** `input` is what curl reads as `@-`. */
  async curlWith(input: Buffer | undefined, url: string, ...args: readonly string[]): Promise<CurlResult> {
    this.#clientHost = this.source;
    const all = curlArguments(this, url, args);
    const options = input === undefined ? {} : { input };
    return parseCurl(await runCommand(this.tool('curl').executable, all, options));
  }

  /** For what curl would go on with. */
  curlUntil(
    url: string,
    args: readonly string[],
    endWhen: (output: Buffer) => boolean,
  ): Promise<CommandResult> {
    this.#clientHost = this.source;
    return runCommand(this.tool('curl').executable, curlArguments(this, url, args), { endWhen });
  }

  /** `openssl s_client`; what is typed in does not end before the server closes. */
  sClient(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    this.#clientHost = this.source;
    const where = ['-connect', this.address, '-bind', `${this.source}:0`, '-servername', 'localhost'];
    const all = ['s_client', ...where, '-CAfile', this.caFile, '-ign_eof', ...args];
    return runCommand(this.tool('openssl').executable, all, options);
  }

  nghttp(url: string): Promise<CommandResult> {
    return runCommand(this.tool('nghttp').executable, [url]);
  }

  /** All that comes on a bare connection until it is closed, after these were sent. */
  async bytesAfter(sent: Buffer): Promise<Buffer> {
    this.#clientHost = this.source;
    const socket = connect({ host: '127.0.0.1', port: this.port, localAddress: this.source });
    const received: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    // A reset ends it as well as a FIN.
    socket.on('error', () => socket.destroy());
    socket.write(sent);
    await once(socket, 'close');
    return Buffer.concat(received);
  }

  /** Calls Say on one channel of grpcio and tells how each call ended. */
  async grpcio(
    tool: 'grpcio' | "Debian's grpcio",
    channel: 'secure' | 'insecure',
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<readonly CallReport[]> {
    const target = { target: this.address, ca: channel === 'secure' ? this.caFile : null };
    const reports = await this.#python(
      tool,
      'channel_calls.py',
      JSON.stringify({ ...target, ...parameters }),
    );
    return reports.map(({ code, details, text }) => ({
      code: String(code),
      details: String(details),
      text: String(text),
    }));
  }

  /** What Python's `websockets` got back. */
  pythonWebSocket(url: string): Promise<readonly Report[]> {
    const authorities = url.startsWith('wss:') ? [this.caFile] : [];
    return this.#python('websockets', 'websocket_echo.py', url, ...authorities);
  }

  /** What Node's own WebSocket got back. */
  async nodeWebSocket(url: string): Promise<readonly Report[]> {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: this.caFile };
    return reportsOf(await runCommand(process.execPath, [nodeWebSocketProgram, url], { env }));
  }

  /** grpc-js in this process; `close` it. */
  grpcJs(kind: 'secure' | 'insecure', channel: ChannelOptions = {}): TestVoiceClient {
    return connectVoiceClient({
      address: this.address,
      ...(kind === 'secure' ? { ca: readFileSync(this.caFile) } : {}),
      channel: { 'grpc.ssl_target_name_override': 'localhost', ...channel },
    });
  }

  tool(name: Tool): FoundTool {
    const found = this.#tools.get(name);
    if (found === undefined) throw new Error(`the row does not say that it needs ${name}`);
    return found;
  }

  /** The record of this row's request for that path; only for clients that call from `source`. */
  finished(path: string): Promise<Report> {
    const isIt = ({ msg, method, client }: Report) =>
      msg === 'exchange finished' && method === path && String(client).startsWith(`${this.source}:`);
    return this.ports.logged(`${path} of ${this.source}`, isIt, this.logPosition);
  }

  async #python(tool: Tool, program: string, ...args: readonly string[]): Promise<readonly Report[]> {
    const env = { ...process.env, PYTHONPATH: pythonModules };
    const all = ['-u', join(pythonPrograms, program), ...args];
    return reportsOf(await runCommand(this.tool(tool).executable, all, { env }));
  }
}

function reportsOf({ code, output, complaint }: CommandResult): readonly Report[] {
  if (code !== 0) {
    const lines = complaint.trim().split('\n');
    const error = lines.findLast((line) => /Error: |^[\w.]+: /.test(line)) ?? lines.at(-1);
    throw new Error(`the client failed (${code}): ${error}`);
  }
  const lines = output.toString().trim().split('\n');
  return lines.map((line) => {
    const report: Report = JSON.parse(line);
    return report;
  });
}
