// Compares the CPU time per HTTP/1.1 request of Framegate and of http2-proxy in a bare Node server, by turns within one run.
// Usage: node bench/bridge.ts [--rounds N] [--requests N] [--connections N] [--cpu-prof FOLDER]
// The exit code is 1 if Framegate carries less than 85 % of the other's requests per CPU second.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runLoad, startService } from './bridge/http1-load.ts';
import { median } from './compare/measurement.ts';
import { cpuMicroseconds } from './compare/process-tree.ts';
import { StartedProcess } from './compare/started-process.ts';
import { findFreePort, waitUntilAccepting } from './compare/tcp-port.ts';

const AT_LEAST = 0.85;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    requests: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '32' },
    main: { type: 'string', default: join(import.meta.dirname, '../src/main.ts') },
    'cpu-prof': { type: 'string' },
  },
});
const [rounds, requests, connections] = [values.rounds, values.requests, values.connections].map(Number);

interface Peer {
  readonly name: string;
  readonly port: number;
  readonly process: StartedProcess;
  readonly microsecondsPerRequest: number[];
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-bench-'));
const servicePort = await findFreePort();
const service = await startService(servicePort);
const peers = [await start('framegate'), await start('http2-proxy')];
try {
  for (const peer of peers) await waitUntilAccepting(peer.port, peer.process);
  // Warms both up until their hot code is compiled.
  for (const peer of peers) await runLoad(peer.port, connections, requests);
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) await measure(peer);
  }
  report();
} finally {
  for (const peer of peers) await peer.process.stop();
  service.close();
  rmSync(folder, { recursive: true });
}

async function start(name: string): Promise<Peer> {
  const port = await findFreePort();
  const profile = values['cpu-prof'];
  const profiling =
    profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`];
  const program = name === 'framegate' ? framegate(port) : bareProxy(port);
  const started = new StartedProcess({
    name,
    program: process.execPath,
    programArguments: [...profiling, ...program],
    folder,
  });
  return { name, port, process: started, microsecondsPerRequest: [] };
}

function framegate(port: number): readonly string[] {
  const file = join(folder, 'framegate.yaml');
  const config = [
    'listeners:',
    `  - { name: public, address: "127.0.0.1:${port}" }`,
    'routes:',
    '  - { name: everything, match: { path: "/*" }, upstream: service }',
    'upstreams:',
    `  service: { protocol: http1, endpoints: ["127.0.0.1:${servicePort}"] }`,
    'admin: off',
    'workers: 1',
  ];
  writeFileSync(file, config.join('\n'));
  return [values.main, 'serve', '--config', file];
}

function bareProxy(port: number): readonly string[] {
  return [join(import.meta.dirname, 'bridge/bare-proxy.ts'), String(port), String(servicePort)];
}

async function measure({ port, process: started, microsecondsPerRequest }: Peer): Promise<void> {
  const before = cpuMicroseconds(started.pids());
  await runLoad(port, connections, requests);
  microsecondsPerRequest.push((cpuMicroseconds(started.pids()) - before) / requests);
}

function report(): void {
  for (const { name, microsecondsPerRequest: samples } of peers) {
    const range = `${Math.min(...samples).toFixed(1)} to ${Math.max(...samples).toFixed(1)}`;
    console.log(`${name.padEnd(12)} ${median(samples).toFixed(1)} us CPU per request (${range})`);
  }
  const [own, bare] = peers.map((peer) => median(peer.microsecondsPerRequest));
  const ratio = bare / own;
  console.log(
    `requests per CPU second, beside http2-proxy in a bare server: ${ratio.toFixed(2)} (at least ${AT_LEAST})`,
  );
  if (!(ratio >= AT_LEAST)) process.exitCode = 1;
}
