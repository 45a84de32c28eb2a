// Runs in a network namespace of its own, as root: pods on addresses of loopback, dnsmasq in front of them with a time to live of one
// second, and Framegate with two workers. Pods come, go and are replaced under load, while ten other names are healthy and one is not
// answered. Prints its figures; exit code 1 when one is not as it should be.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DemoService, startDemoService } from '../../src/demo/demo-service.ts';
import { eventually } from '../support/eventually.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { Background } from './commands.ts';

const TTL_MS = 1000;
const PORT = 50051;
const PROXY_PORT = 8080;
const SILENT_HOST = '127.0.0.99';
const SILENT_PORT = 5353;
const ADMIN = 'http://127.0.0.1:9901';
const HEALTHY = Array.from({ length: 10 }, (_, index) => `healthy${index}`);
const FIRST_PODS = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
const ROLLING_ROUNDS = 2;
const PODS_AT_ONCE = 3;
const CALL_EVERY_MS = 10;
const [folder = ''] = process.argv.slice(2);
const hostsFile = join(folder, 'hosts');

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** dnsmasq, whose records are lines of a file that it reads again when it is told to. */
class NameServer {
  #process: Background | undefined = undefined;

  async start(hosts: readonly string[]): Promise<void> {
    this.#write(hosts);
    execFileSync('mount', ['--bind', this.#resolvConf(), '/etc/resolv.conf']);
    this.#process = new Background([
      'dnsmasq',
      '--keep-in-foreground',
      '--no-resolv',
      '--no-hosts',
      `--addn-hosts=${hostsFile}`,
      `--local-ttl=${TTL_MS / 1000}`,
      '--listen-address=127.0.0.1',
      '--bind-interfaces',
      '--local=/pods.test/',
      `--server=/silent.test/${SILENT_HOST}#${SILENT_PORT}`,
      `--srv-host=_grpc._tcp.pods.test,voice.pods.test,${PORT}`,
      `--pid-file=${join(folder, 'dnsmasq.pid')}`,
      '--user=root',
      '--log-facility=-',
    ]);
    // Before that, a SIGHUP would end it.
    await this.#process.says(/started, version/);
  }

  #resolvConf(): string {
    const file = join(folder, 'resolv.conf');
    writeFileSync(file, 'nameserver 127.0.0.1\n');
    return file;
  }

  set(hosts: readonly string[]): void {
    this.#write(hosts);
    this.#process?.signal('SIGHUP');
  }

  #write(hosts: readonly string[]): void {
    const lines = [
      ...hosts.map((host) => `${host} voice.pods.test`),
      ...HEALTHY.map((name) => `127.0.1.1 ${name}.pods.test`),
    ];
    writeFileSync(hostsFile, `${lines.join('\n')}\n`);
  }

  close(): void {
    this.#process?.kill();
  }
}

const nameServer = new NameServer();
const pods = new Map<string, DemoService>();

async function startPod(host: string): Promise<DemoService> {
  const pod = await startDemoService({ address: `${host}:${PORT}` });
  pods.set(host, pod);
  return pod;
}

function followed(name: string) {
  return { dns: { name: `${name}.test.`, port: PORT } };
}

function startFramegate(): Background {
  const upstreams = {
    voice: followed('voice.pods'),
    services: { dns: { name: '_grpc._tcp.pods.test.', type: 'SRV' } },
    silent: followed('silent'),
    ...Object.fromEntries(HEALTHY.map((name) => [name, followed(`${name}.pods`)])),
  };
  const routes = Object.keys(upstreams).map((upstream) =>
    upstream === 'voice'
      ? { match: { path: '/*' }, upstream }
      : { match: { path: '/*', host: `${upstream}.example` }, upstream },
  );
  const file = join(folder, 'config.yaml');
  const listeners = [{ name: 'clear', address: `127.0.0.1:${PROXY_PORT}` }];
  writeFileSync(file, JSON.stringify({ workers: 2, listeners, routes, upstreams, log: { access: false } }));
  return new Background([process.execPath, join(import.meta.dirname, '../../src/main.ts'), 'serve', file]);
}

function clientFor(): TestVoiceClient {
  return connectVoiceClient({
    address: `127.0.0.1:${PROXY_PORT}`,
    channel: { 'grpc.use_local_subchannel_pool': 1 },
  });
}

/** Calls all the time, and counts what failed. */
class Load {
  calls = 0;
  readonly failures: string[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #clients = Array.from({ length: 4 }, clientFor);
  readonly #running = new Set<Promise<void>>();

  constructor() {
    this.#timer = setInterval(() => {
      const running = this.#call().finally(() => this.#running.delete(running));
      this.#running.add(running);
    }, CALL_EVERY_MS);
  }

  async #call(): Promise<void> {
    const client = this.#clients[this.calls++ % this.#clients.length];
    const { code, details } = await client.say({ text: 'a call' }, { deadlineMs: 5000 });
    if (code !== 0) this.failures.push(`${code}: ${details}`);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
    for (const client of this.#clients) client.close();
  }
}

/** Points the name elsewhere. @returns how long it took until all of the pods that are new had a call */
async function point(hosts: readonly string[], added: readonly string[]): Promise<number> {
  const before = added.map((host) => pods.get(host)?.counters.Say.started ?? 0);
  const beganMs = performance.now();
  nameServer.set(hosts);
  await eventually(`calls at ${added.join(', ')}`, () =>
    added.every((host, index) => (pods.get(host)?.counters.Say.started ?? 0) > before[index]),
  );
  return performance.now() - beganMs;
}

async function answeredLookups(): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${ADMIN}/metrics`)).text();
  const lines = text.matchAll(/^framegate_dns_lookups_total\{upstream="(\w+)",result="answered"\} (\d+)$/gm);
  return new Map(Array.from(lines, ([, name, count]) => [name, Number(count)]));
}

/** Streams that are at a pod which leaves the name go on there. */
async function showDraining(hosts: readonly string[]): Promise<void> {
  const clients = Array.from({ length: 6 }, clientFor);
  const streams = clients.map((client) => client.streamAudio());
  const exchange = async (sequence: number): Promise<void> => {
    for (const stream of streams) {
      stream.send({ sequence, audio: Buffer.from('chunk'), returnAudio: true });
      assert.equal((await stream.next())?.sequence, sequence);
    }
  };
  await exchange(1);
  const [leaving, ...staying] = hosts;
  nameServer.set(staying);
  await sleep(2 * TTL_MS);
  const pod = pods.get(leaving);
  assert.ok(pod !== undefined);
  const { started } = pod.counters.Say;
  await sleep(TTL_MS);
  assert.equal(pod.counters.Say.started, started, 'a pod that has left the name gets no new calls');
  await exchange(2);
  for (const stream of streams) stream.finish();
  const codes = await Promise.all(streams.map(async (stream) => (await stream.outcome).code));
  assert.ok(codes.every((code) => code === 0));
  for (const client of clients) client.close();
  tell(`a pod leaves: no new call after two times to live, ${streams.length} streams went on and ended well`);
  nameServer.set(hosts);
}

async function showRollout(first: readonly string[]): Promise<void> {
  let hosts = first;
  let next = 100;
  const tookMs: number[] = [];
  for (let step = 0; step < ROLLING_ROUNDS * PODS_AT_ONCE; step++) {
    const [old, ...rest] = hosts;
    const added = `127.0.0.${next++}`;
    await startPod(added);
    hosts = [...rest, added];
    tookMs.push(await point(hosts, [added]));
    // As Kubernetes does: a pod gets some time after it has left the name.
    await sleep(2 * TTL_MS);
    await pods.get(old)?.close();
    pods.delete(old);
  }
  const worst = Math.round(Math.max(...tookMs));
  tell(`${tookMs.length} pods replaced one by one: each new one was called within ${worst} ms`);
  assert.ok(worst <= 2 * TTL_MS, 'a new pod is called within two times to live');
}

/** Calls to the names that are healthy while one is asked for and not answered. */
async function showSilence(): Promise<void> {
  const client = clientFor();
  const before = await answeredLookups();
  const tookMs: number[] = [];
  const endMs = performance.now() + 6000;
  while (performance.now() < endMs) {
    for (const name of HEALTHY) {
      const beganMs = performance.now();
      const outcome = await client.say({ text: name }, { authority: `${name}.example`, deadlineMs: 5000 });
      assert.equal(outcome.code, 0, outcome.details);
      tookMs.push(performance.now() - beganMs);
    }
    await sleep(20);
  }
  const after = await answeredLookups();
  const asked = HEALTHY.map((name) => (after.get(name) ?? 0) - (before.get(name) ?? 0));
  const { code, details } = await client.say({ text: 'silent' }, { authority: 'silent.example' });
  client.close();
  tookMs.sort((one, other) => one - other);
  const p99 = tookMs[Math.floor(tookMs.length * 0.99)].toFixed(1);
  tell(
    `beside a name that is not answered: ${tookMs.length} calls to ten others, none failed, p99 ${p99} ms;`,
  );
  tell(`each of the ten was looked up at least ${Math.min(...asked)} times in six seconds`);
  tell(`the silent one: ${code} ${details}`);
  assert.ok(Math.min(...asked) >= 4, 'the others are looked up all the time');
  assert.match(details, /^Upstream silent has no endpoint: DNS /);
}

async function main(framegate: Background): Promise<void> {
  await framegate.says(/"msg":"framegate serves"/);
  const load = new Load();
  await eventually('each pod has calls', () =>
    FIRST_PODS.every((host) => (pods.get(host)?.counters.Say.started ?? 0) > 0),
  );
  for (const host of ['127.0.0.14', '127.0.0.15']) await startPod(host);
  const all = [...FIRST_PODS, '127.0.0.14', '127.0.0.15'];
  const tookMs = Math.round(await point(all, ['127.0.0.14', '127.0.0.15']));
  tell(`two pods more: both were called within ${tookMs} ms (time to live ${TTL_MS} ms)`);
  assert.ok(tookMs <= 2 * TTL_MS);
  const client = clientFor();
  const services = await client.say({ text: 'by SRV' }, { authority: 'services.example' });
  assert.equal(services.code, 0, services.details);
  client.close();
  await showDraining(all);
  await showRollout(FIRST_PODS);
  await showSilence();
  await load.stop();
  tell(`${load.calls} calls in all, ${load.failures.length} failed`);
  assert.deepEqual([...new Set(load.failures)], []);
}

execFileSync('ip', ['link', 'set', 'lo', 'up']);
// A name server that takes questions and never answers.
const silent = createSocket('udp4');
silent.bind(SILENT_PORT, SILENT_HOST);
for (const host of [...FIRST_PODS, '127.0.1.1']) await startPod(host);
await nameServer.start(FIRST_PODS);
const framegate = startFramegate();
try {
  await main(framegate);
} catch (error) {
  tell(framegate.output.split('\n').slice(-20).join('\n'));
  tell(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
} finally {
  framegate.kill();
  nameServer.close();
  silent.close();
  for (const pod of pods.values()) pod.forceClose();
}
process.exit();
