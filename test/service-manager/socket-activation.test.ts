// A socket that somebody else has opened, as systemd does it: it outlives the processes that serve it one after the other.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');
const patienceMs = 60_000;

/** Starts the proxy for each line it reads. systemd sets LISTEN_PID between fork and exec; here a shell does. */
const keeperScript = `
while read -r line; do
  sh -c 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=https; exec "$@"' sh "$@" </dev/null 2>&1
  echo "ended with $?"
done`;

/** Holds the socket as descriptor 3, and never accepts on it. */
class SocketKeeper {
  readonly folder: string;
  #address = '';
  #keeper: ChildProcess | undefined;
  #output = '';

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(
    t: TestContext,
    settings: { readonly kind: 'tcp' | 'unix'; readonly name?: string },
  ): Promise<SocketKeeper> {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-keeper-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const keeper = new SocketKeeper(folder);
    const demo = await startDemo(t);
    const config = join(folder, 'config.yaml');
    const listeners = [{ name: 'public', address: `systemd:${settings.name ?? 'https'}` }];
    writeFileSync(config, await proxyConfigText({ endpoints: [demo.address], sections: { listeners } }));
    await keeper.#spawn(settings.kind, [process.execPath, mainFile, 'serve', '-c', config]);
    t.after(() => keeper.#end());
    return keeper;
  }

  /** As the log has it. */
  get address(): string {
    return this.#address;
  }

  get unixPath(): string {
    return join(this.folder, 'framegate.sock');
  }

  /** Starts the proxy, and resolves when it serves. */
  async serve(): Promise<void> {
    const servedBefore = this.#count('framegate serves');
    const endedBefore = this.#count('ended with');
    this.begin();
    const isServing = () => {
      assert.equal(this.#count('ended with'), endedBefore, this.#output);
      return this.#count('framegate serves') > servedBefore;
    };
    await eventually('the proxy serves', isServing, patienceMs);
  }

  begin(): void {
    this.#keeper?.stdin?.write('again\n');
  }

  /** Ends the proxy that serves. */
  async stop(): Promise<void> {
    const endedBefore = this.#count('ended with');
    const pid = Number(
      this.lines('framegate serves')
        .at(-1)
        ?.match(/"pid":(\d+)/)?.[1],
    );
    process.kill(pid, 'SIGTERM');
    await eventually('the proxy ends', () => this.#count('ended with') > endedBefore, patienceMs);
    assert.equal(this.lines('ended with').at(-1), 'ended with 0');
  }

  /** Lines of all runs that hold this text. */
  lines(text: string): readonly string[] {
    return this.#output.split('\n').filter((line) => line.includes(text));
  }

  #count(text: string): number {
    return this.lines(text).length;
  }

  async #spawn(kind: 'tcp' | 'unix', command: readonly string[]): Promise<void> {
    const server = createServer();
    if (kind === 'unix') server.listen(this.unixPath);
    else server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    this.#address = isPort(bound) ? `127.0.0.1:${bound.port}` : `unix:${this.unixPath}`;
    const keeper = spawn('sh', ['-c', keeperScript, 'sh', ...command], {
      stdio: ['pipe', 'pipe', 'inherit', descriptorOf(server)],
      detached: true,
    });
    keeper.stdout?.on('data', (piece: Buffer) => {
      this.#output += piece.toString();
    });
    this.#keeper = keeper;
    // Node takes away the name of a socket that it closes.
    const spare = join(this.folder, 'spare');
    if (kind === 'unix') linkSync(this.unixPath, spare);
    server.close();
    await once(server, 'close');
    if (kind === 'unix') linkSync(spare, this.unixPath);
  }

  /** The group: the shell, and what it runs. */
  #end(): void {
    if (this.#keeper?.pid === undefined) return;
    try {
      process.kill(-this.#keeper.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

/** Node has no other name for it. */
function descriptorOf(server: Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  assert.ok(typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number');
  return handle.fd;
}

function isPort(bound: AddressInfo | string | null): bound is AddressInfo {
  return typeof bound === 'object' && bound !== null;
}

test('a socket of systemd is served, and its own address shown', async (t) => {
  const keeper = await SocketKeeper.start(t, { kind: 'tcp' });
  await keeper.serve();
  const client = connectVoiceClient({ address: keeper.address });
  t.after(() => client.close());
  assert.equal((await client.say({ text: 'hello' })).code, 0);
  const [line] = keeper.lines('listener is open');
  assert.ok(line.includes(`"address":"${keeper.address}"`), line);
  await keeper.stop();
});

test('who connects while the process restarts waits, and is served', async (t) => {
  const keeper = await SocketKeeper.start(t, { kind: 'tcp' });
  await keeper.serve();
  await keeper.stop();
  const sockets = Array.from({ length: 20 }, () => {
    const socket = connect({ host: '127.0.0.1', port: Number(keeper.address.split(':')[1]) });
    t.after(() => socket.destroy());
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const answers = sockets.map((socket) => once(socket, 'data'));
  for (const socket of sockets) socket.write('GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  await keeper.serve();
  for (const [head] of await Promise.all(answers)) assert.match(String(head), /^HTTP\/1\.1 /);
});

test('a Unix socket of systemd keeps its name, and its clients are known as such', async (t) => {
  const keeper = await SocketKeeper.start(t, { kind: 'unix' });
  await keeper.serve();
  const client = connectVoiceClient({ address: keeper.address });
  t.after(() => client.close());
  assert.equal((await client.say({ text: 'hello' })).code, 0);
  await eventually('an access-log record', () => keeper.lines('"client":"unix:"').length > 0, patienceMs);
  assert.ok(keeper.lines('listener is open')[0].includes(`"address":"${keeper.address}"`));
  await keeper.stop();
  assert.ok(existsSync(keeper.unixPath));
});

test('a name that systemd did not pass ends the start with those it did', async (t) => {
  const keeper = await SocketKeeper.start(t, { kind: 'tcp', name: 'htttps' });
  keeper.begin();
  await eventually('the proxy ends', () => keeper.lines('ended with').length > 0, patienceMs);
  assert.equal(keeper.lines('ended with')[0], 'ended with 1');
  assert.match(
    keeper.lines('systemd:htttps')[0],
    /listener 'public' cannot use systemd:htttps: systemd has passed no socket of this name, but 'https'/,
  );
});
