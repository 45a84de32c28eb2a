// `npm start` after its build, as a process: with free ports, with ports that are taken, and with services of others.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePorts } from '../support/free-port.ts';

const root = join(import.meta.dirname, '../..');
const file = 'config.yaml';

/** Behind each port that something wants are some that it may take instead. */
interface Ports {
  readonly tls: number;
  readonly cleartext: number;
  readonly admin: number;
  readonly demo: number;
}

async function somePorts(): Promise<Ports> {
  const first = await freePorts(20);
  return { tls: first, cleartext: first + 5, admin: first + 10, demo: first + 15 };
}

interface Started {
  /** All that it has printed so far. */
  output(): string;
  /** Stops it, as Ctrl-C does. @returns its exit code */
  stop(): Promise<number | null>;
  readonly ended: Promise<number | null>;
  hasEnded(): boolean;
  /** The files in its folder. */
  files(): readonly string[];
}

function start(context: TestContext, ports: Ports, port?: number): Started {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-start-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, file), configuration(ports));
  const parts = {
    file,
    mainFile: join(root, 'src/main.ts'),
    port,
    demoAddress: `127.0.0.1:${ports.demo}`,
  };
  const script = `import { serveAndProve } from ${JSON.stringify(join(root, 'scripts/serve-and-prove.ts'))};
try {
  process.exitCode = await serveAndProve(${JSON.stringify(parts)});
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder });
  // Not SIGKILL, which would leave the proxy behind.
  context.after(() => child.kill('SIGTERM'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  }
  const ended = once(child, 'close').then(() => child.exitCode);
  return {
    output: () => text,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    files: () => readdirSync(folder).toSorted(),
  };
}

function configuration({ tls, cleartext, admin, demo }: Ports): string {
  return `workers: 1
listeners:
  - name: public
    address: 127.0.0.1:${tls}
    tls: { certificates: [{ cert: certs/server.crt, key: certs/server.key }] }
  - name: internal
    address: 127.0.0.1:${cleartext}
routes:
  - match: { path: /voice.VoiceAssistant/* }
    upstream: voice
upstreams:
  voice: { endpoints: ["127.0.0.1:${demo}"] }
admin: { address: "127.0.0.1:${admin}" }
`;
}

async function untilProven(started: Started): Promise<string> {
  const isOver = () => started.hasEnded() || started.output().includes('Ctrl-C');
  await eventually('it prints clients', isOver, START_TIMEOUT_MS);
  return started.output();
}

/** Listens, and ends each connection at once. */
async function occupy(context: TestContext, port: number): Promise<void> {
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
}

test('with free ports it serves the configuration itself, and makes certificates where there are none', async (context) => {
  const ports = await somePorts();
  const started = start(context, ports);
  const output = await untilProven(started);
  assert.match(output, /^start: made development certificates: certs\/server\.crt/m);
  assert.match(output, /^start: runs the proxy: framegate serve -c config\.yaml$/m);
  assert.ok(
    output.includes(
      `voice.VoiceAssistant/Say over TLS through 127.0.0.1:${ports.tls}: "You said: hello", served by 127.0.0.1:${ports.demo}`,
    ),
    output,
  );
  assert.doesNotMatch(output, /takes port/);
  assert.doesNotMatch(
    output,
    /listener is open/,
    'what the proxy logs before is left out, because all went well',
  );
  assert.deepEqual(started.files(), ['certs', file]);
  assert.equal(await started.stop(), 0);
  assert.match(started.output(), /INFO +stopped/, 'what the proxy logs afterwards is text');
});

test('ports that are taken are replaced by free ones, and the output says by which and why', async (context) => {
  const ports = await somePorts();
  for (const port of Object.values(ports)) await occupy(context, port);
  const started = start(context, ports);
  const output = await untilProven(started);
  const taken: number[] = [];
  for (const [what, port] of [
    ['the listener "public"', ports.tls],
    ['the listener "internal"', ports.cleartext],
    ['the admin server', ports.admin],
    ['the demo service', ports.demo],
  ] as const) {
    const line = new RegExp(
      `^start: takes port (\\d+) for ${what}, because .* \\(process ${process.pid}\\) holds ${port}$`,
      'm',
    );
    // The next one may have been taken by another program meanwhile.
    const instead = Number(line.exec(output)?.[1]);
    assert.ok(instead > port, output);
    taken.push(instead);
  }
  assert.equal(new Set(taken).size, 4);
  const [tls, , admin, demo] = taken;
  assert.ok(output.includes(`through 127.0.0.1:${tls}: "You said: hello", served by 127.0.0.1:${demo}`));
  assert.match(output, new RegExp(`dashboard +http://127.0.0.1:${admin}`));
  assert.match(output, new RegExp(`secure_channel\\("127.0.0.1:${tls}"`));
  assert.equal(started.files().length, 3, 'the copy of the configuration lies beside it');
  assert.equal(await started.stop(), 0);
  assert.deepEqual(started.files(), ['certs', file], 'the copy of the configuration is gone');
});

test('a port of --port is the one of the first listener with TLS', async (context) => {
  const ports = await somePorts();
  const started = start(context, ports, ports.tls + 3);
  const output = await untilProven(started);
  assert.ok(output.includes(`start: takes port ${ports.tls + 3} for the listener "public", as --port says`));
  assert.ok(output.includes(`through 127.0.0.1:${ports.tls + 3}: "You said: hello"`));
  assert.equal(await started.stop(), 0);
});

test('a port of --port that is taken ends it with the cause and the remedy, and leaves nothing behind', async (context) => {
  const ports = await somePorts();
  await occupy(context, ports.tls + 3);
  const started = start(context, ports, ports.tls + 3);
  assert.equal(await started.ended, 1);
  assert.match(
    started.output(),
    /cannot have port \d+, because .* holds \d+; choose another, or leave --port out/,
  );
  assert.deepEqual(started.files(), ['certs', file]);
});

test('a signal before the proxy runs leaves no copy of the configuration behind', async (context) => {
  const ports = await somePorts();
  await occupy(context, ports.tls);
  const started = start(context, ports);
  await eventually(
    'the copy is written',
    () => started.output().includes('wrote these ports'),
    START_TIMEOUT_MS,
  );
  await started.stop();
  assert.deepEqual(started.files(), ['certs', file]);
});

test('a service that answers as the demo does is used in its place', async (context) => {
  const ports = await somePorts();
  const service = await startDemoService({ address: `127.0.0.1:${ports.demo}` });
  context.after(() => service.forceClose());
  const started = start(context, ports);
  const output = await untilProven(started);
  assert.ok(output.includes(`start: uses the service that answers on 127.0.0.1:${ports.demo} already`));
  assert.doesNotMatch(output, /takes port|runs the demo service/);
  assert.equal(service.counters.Say.completed, 2, 'it was asked once, and once through the proxy');
  assert.equal(await started.stop(), 0);
});
