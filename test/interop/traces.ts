// `npm run interop:traces`: a real Jaeger takes the spans of a whole Framegate, by OTLP over HTTP and over gRPC, and its query API says
// what belongs to what. Prints the traces as Jaeger has them. Exit code 1 if one is not as it should be. Jaeger is built with Go the first
// time, which takes minutes; JAEGER=FILE names one that is built already.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { Metadata, status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-port.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { ReportingChild } from './child-process.ts';
import { cacheFolder } from './conformance/cache-folder.ts';
import { FramegateProcess } from './framegate-process.ts';

const MODULE = 'github.com/jaegertracing/jaeger/cmd/jaeger';
const VERSION = 'v1.76.0';
const BUILD_TIMEOUT_MS = 1_800_000;
const CALLER = 'b7ad6b7169203331';
const PATIENCE_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;

/** The parts of Jaeger's answer that are looked at. */
interface JaegerSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly startTime: number;
  readonly references: readonly { readonly refType: string; readonly spanID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  /** What Jaeger objects to in the span. */
  readonly warnings: readonly string[] | null;
  readonly logs: readonly { readonly fields: readonly { readonly key: string; readonly value: unknown }[] }[];
}

interface Ports {
  readonly http: number;
  readonly grpc: number;
  readonly query: number;
  readonly queryGrpc: number;
}

function build(): string | undefined {
  const named = process.env['JAEGER'];
  if (named !== undefined) return named;
  const target = join(cacheFolder, 'go', `jaeger-${VERSION}`);
  const program = join(target, 'jaeger');
  if (existsSync(program)) return program;
  mkdirSync(target, { recursive: true });
  // In a module of its own, since Jaeger's replaces some of what it needs, which `go install` refuses.
  for (const args of [
    ['mod', 'init', 'jaeger.test'],
    ['get', '-tool', `${MODULE}@${VERSION}`],
    ['build', '-o', program, MODULE],
  ]) {
    const {
      status: exitCode,
      error,
      stderr,
    } = spawnSync('go', args, {
      cwd: target,
      encoding: 'utf8',
      timeout: BUILD_TIMEOUT_MS,
    });
    if (exitCode === 0) continue;
    console.log(`skipped: go ${args[0]} failed: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? ''}`);
    rmSync(target, { recursive: true, force: true });
    return undefined;
  }
  return program;
}

function at(port: number): object {
  return { endpoint: `127.0.0.1:${port}` };
}

function jaegerConfiguration({ http, grpc, query, queryGrpc }: Ports): object {
  return {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
    },
    extensions: {
      jaeger_query: { storage: { traces: 'memory' }, http: at(query), grpc: at(queryGrpc) },
      jaeger_storage: { backends: { memory: { memory: { max_traces: 1000 } } } },
    },
    receivers: { otlp: { protocols: { grpc: at(grpc), http: at(http) } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  };
}

interface JaegerAnswer {
  readonly data: readonly { readonly spans: readonly JaegerSpan[] }[];
}

function isAnswer(value: unknown): value is JaegerAnswer {
  return typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data);
}

async function wantTrace(query: number, traceId: string, count: number): Promise<readonly JaegerSpan[]> {
  return eventually(
    `${count} spans of ${traceId} in Jaeger`,
    async () => {
      const answer = await fetch(`http://127.0.0.1:${query}/api/traces/${traceId}`).catch(() => undefined);
      if (answer?.ok !== true) return false;
      const body: unknown = await answer.json();
      const spans = isAnswer(body) ? body.data.flatMap((trace) => trace.spans) : [];
      return spans.length >= count && spans;
    },
    PATIENCE_MS,
  );
}

function parentOf({ references }: JaegerSpan): string {
  return references.find(({ refType }) => refType === 'CHILD_OF')?.spanID ?? '';
}

function tag({ tags }: JaegerSpan, key: string): unknown {
  return tags.find((one) => one.key === key)?.value;
}

function eventsOf({ logs }: JaegerSpan): readonly unknown[] {
  return logs.map(({ fields }) => fields.find(({ key }) => key === 'event')?.value);
}

function print(spans: readonly JaegerSpan[], parent: string, depth: number): void {
  for (const span of spans.toSorted((one, other) => one.startTime - other.startTime)) {
    if (parentOf(span) !== parent) continue;
    const words = [
      'span.kind',
      'rpc.status_code',
      'error.type',
      'framegate.attempt',
      'framegate.token',
    ].flatMap((key) => (tag(span, key) === undefined ? [] : [`${key}=${String(tag(span, key))}`]));
    for (const warning of span.warnings ?? []) console.log(`  ${'  '.repeat(depth)}warning: ${warning}`);
    console.log(`  ${'  '.repeat(depth)}${span.operationName} ${[...words, ...eventsOf(span)].join(' ')}`);
    print(spans, span.spanID, depth + 1);
  }
}

/** What a client does, and what Jaeger must have of it. */
interface Case {
  readonly what: string;
  readonly call: (client: TestVoiceClient, metadata: Metadata) => Promise<number>;
  readonly code: number;
  readonly attempts: number;
}

const CASES: readonly Case[] = [
  {
    what: 'a unary call',
    call: async (client, metadata) => (await client.say({ text: 'hello' }, { metadata })).code,
    code: status.OK,
    attempts: 1,
  },
  {
    what: 'a call that its service fails with NOT_FOUND',
    call: async (client, metadata) => (await client.fail({ code: status.NOT_FOUND }, { metadata })).code,
    code: status.NOT_FOUND,
    attempts: 1,
  },
  {
    what: 'a call that is tried three times',
    call: async (client, metadata) => (await client.fail({ code: status.UNAVAILABLE }, { metadata })).code,
    code: status.UNAVAILABLE,
    attempts: 3,
  },
  {
    what: 'a call that is refused at once',
    call: async (client, metadata) => (await client.narrate({ text: 'hello' }, { metadata })).code,
    code: status.PERMISSION_DENIED,
    attempts: 0,
  },
];

function randomHex(digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join('');
}

/** @returns metadata that names the trace */
function metadataOf(traceId: string): Metadata {
  const metadata = new Metadata();
  metadata.set('traceparent', `00-${traceId}-${CALLER}-01`);
  return metadata;
}

/** Jaeger may only miss the caller, which has sent no span. */
function assertNoWarning(spans: readonly JaegerSpan[]): void {
  const all = spans.flatMap(({ warnings }) => warnings ?? []);
  assert.deepEqual(
    all.filter((warning) => !warning.startsWith(`invalid parent span IDs=${CALLER};`)),
    [],
  );
}

async function trial(one: Case, client: TestVoiceClient, query: number): Promise<boolean> {
  const traceId = `1${randomHex(31)}`;
  try {
    assert.equal(await one.call(client, metadataOf(traceId)), one.code);
    const spans = await wantTrace(query, traceId, 1 + one.attempts);
    const servers = spans.filter((span) => tag(span, 'span.kind') === 'server');
    const clients = spans.filter((span) => tag(span, 'span.kind') === 'client');
    console.log(`${one.what}: ${spans.length} spans in Jaeger`);
    print(spans, CALLER, 0);
    assert.deepEqual([servers.length, clients.length], [1, one.attempts]);
    assert.equal(parentOf(servers[0]), CALLER);
    assert.ok(clients.every((span) => parentOf(span) === servers[0].spanID));
    const retries = eventsOf(servers[0]).filter((event) => event === 'retry').length;
    assert.equal(retries, Math.max(0, one.attempts - 1));
    assertNoWarning(spans);
    assert.equal(tag(servers[0], 'rpc.status_code'), status[one.code]);
    return true;
  } catch (error) {
    console.log(`FAILED: ${one.what}: ${String(error)}`);
    return false;
  }
}

/** A stream sends reports while it runs, and its own span at its end. */
async function streamTrial(client: TestVoiceClient, query: number): Promise<boolean> {
  const traceId = `2${randomHex(31)}`;
  const stream = client.streamAudio({ metadata: metadataOf(traceId) });
  try {
    const reports = await wantTrace(query, traceId, 2);
    stream.finish();
    assert.equal((await stream.outcome).code, status.OK);
    const spans = await wantTrace(query, traceId, reports.length + 2);
    console.log(`a long stream: ${spans.length} spans in Jaeger`);
    print(spans, CALLER, 0);
    const [server] = spans.filter((span) => tag(span, 'span.kind') === 'server');
    const names = reports.map(({ operationName }) => operationName);
    assert.deepEqual([names.includes('open'), names.includes('interval')], [true, true]);
    assert.ok(reports.every((span) => parentOf(span) === server.spanID));
    assertNoWarning(spans);
    return true;
  } catch (error) {
    console.log(`FAILED: a long stream: ${String(error)}`);
    return false;
  } finally {
    stream.cancel();
  }
}

async function trials(program: string, folder: string): Promise<boolean> {
  const first = await freePorts(4);
  const ports = { http: first, grpc: first + 1, query: first + 2, queryGrpc: first + 3 };
  const file = join(folder, 'jaeger.json');
  writeFileSync(file, JSON.stringify(jaegerConfiguration(ports)));
  const children = [new ReportingChild({ name: 'jaeger', command: program, args: ['--config', file] })];
  const demo = await startDemoService({ address: '127.0.0.1:0' });
  try {
    await eventually(
      'Jaeger answers',
      async () => (await fetch(`http://127.0.0.1:${ports.query}/api/services`).catch(() => undefined))?.ok,
      PATIENCE_MS,
    );
    const results: boolean[] = [];
    for (const exporter of [`http://127.0.0.1:${ports.http}`, `grpc://127.0.0.1:${ports.grpc}`]) {
      console.log(`\n${exporter}`);
      const listener = { address: '127.0.0.1:0', trustedClients: ['127.0.0.0/8'] };
      const framegate = await FramegateProcess.launch(
        folder,
        JSON.stringify({
          workers: 2,
          listeners: ['tls', 'plaintext'].map((name) => ({ name, ...listener })),
          routes: [
            {
              match: { path: '/voice.VoiceAssistant/Narrate' },
              respond: { status: 403, grpcStatus: 'PERMISSION_DENIED' },
            },
            {
              match: { path: '/*' },
              upstream: 'voice',
              retry: { attempts: 3, backoff: '1ms', maxBackoff: '1ms' },
            },
          ],
          upstreams: { voice: { endpoints: [demo.address], limits: { retries: '100%' } } },
          admin: 'off',
          trace: { exporter, interval: '1s' },
        }),
        (child) => children.push(child),
      );
      const client = connectVoiceClient({ address: framegate.plaintextAddress });
      for (const one of CASES) results.push(await trial(one, client, ports.query));
      results.push(await streamTrial(client, ports.query));
      client.close();
    }
    return results.every(Boolean);
  } finally {
    for (const child of children) {
      child.signal('SIGTERM');
      await child.exitWithin(STOP_TIMEOUT_MS);
    }
    demo.forceClose();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-traces-'));
try {
  const program = build();
  if (program !== undefined) process.exitCode = (await trials(program, folder)) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
