// grpcdebug, a program of the gRPC project built with Go, against the admin port of a running proxy: it must show the channels, the endpoints, the
// connections, the listeners and the health that there are, in its own tables.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { startDemoService } from '../../../src/demo/demo-service.ts';
import { freePort } from '../../support/free-port.ts';
import { connectVoiceClient } from '../../support/voice-client.ts';
import { FramegateProcess } from '../framegate-process.ts';
import { goProgram } from '../go-program.ts';

const PACKAGE = 'github.com/grpc-ecosystem/grpcdebug@v1.0.5';
const TIMEOUT_MS = 30_000;
const CALLS = 3;

type Table = readonly (readonly string[])[];
type Ask = (...command: readonly string[]) => Promise<Table>;

/** The first time, Go builds it in a minute or two, but not in CI. @returns undefined if it cannot be had: then this says why */
export function prepareGrpcDebug(): string | undefined {
  const named = process.env['GRPCDEBUG'];
  if (named !== undefined) return named;
  if (process.env['CI'] !== 'true') return goProgram('grpcdebug', PACKAGE);
  console.log('skipped: grpcdebug, which takes minutes to build; GRPCDEBUG=FILE names a built one');
  return undefined;
}

/** @param folder where files may be written. Rejects if grpcdebug does not show what there is */
export async function askByGrpcDebug(
  program: string,
  folder: string,
  certificates: { readonly certFile: string; readonly keyFile: string },
): Promise<void> {
  const [service, adminPort] = await Promise.all([startDemoService({ address: '127.0.0.1:0' }), freePort()]);
  const framegate = await FramegateProcess.launch(
    folder,
    JSON.stringify({
      workers: 2,
      listeners: [
        {
          name: 'tls',
          address: '127.0.0.1:0',
          tls: { certificates: [{ cert: certificates.certFile, key: certificates.keyFile }] },
        },
        { name: 'plaintext', address: '127.0.0.1:0' },
      ],
      routes: [
        { match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' },
        { match: { path: '/other.Service/*' }, upstream: 'gone' },
      ],
      upstreams: {
        voice: { endpoints: [service.address] },
        gone: { endpoints: ['127.0.0.1:1'], health: { type: 'tcp', interval: '100ms', unhealthyAfter: 1 } },
      },
      admin: { address: `127.0.0.1:${adminPort}` },
      drain: { timeout: '1s' },
    }),
    () => undefined,
  );
  const client = connectVoiceClient({ address: framegate.plaintextAddress });
  try {
    for (let call = 0; call < CALLS; call++)
      assert.equal((await client.say({ text: 'hello' })).code, 0, 'a call');
    const ask: Ask = (...command) => tableOf(program, [`127.0.0.1:${adminPort}`, ...command]);
    await showsHealth(ask);
    await showsChannels(ask, service.address);
    await showsServers(ask, framegate.plaintextAddress);
    console.log('grpcdebug shows health, channels, subchannels, sockets and servers');
  } finally {
    client.close();
    const problems = await framegate.stop();
    service.forceClose();
    assert.deepEqual(problems, []);
  }
}

async function showsHealth(ask: Ask): Promise<void> {
  const rows = await ask('health', 'voice.VoiceAssistant', 'gone', 'nobody');
  const health = new Map(rows.map(([name, state]) => [name, state]));
  assert.deepEqual(Object.fromEntries(health), {
    '<Overall>:': 'SERVING',
    'voice.VoiceAssistant:': 'SERVING',
    'gone:': 'NOT_SERVING',
    'nobody:': 'SERVICE_UNKNOWN',
  });
}

async function showsChannels(ask: Ask, endpoint: string): Promise<void> {
  const channels = await ask('channelz', 'channels');
  const [id, , state, calls] = rowOf(channels, 1, 'voice');
  assert.deepEqual([state, calls], ['READY', `${CALLS}/${CALLS}/0`]);
  const channel = await ask('channelz', 'channel', id);
  assert.equal(rowOf(channel, 0, 'Target:')[1], 'voice');
  const [subchannel, , endpointState] = rowOf(channel, 1, endpoint);
  assert.equal(endpointState, 'READY');
  const sockets = await ask('channelz', 'subchannel', subchannel);
  const [socket, addresses] = sockets.find(([, pair = '']) => pair.endsWith(`->${endpoint}`)) ?? [];
  assert.ok(socket !== undefined && addresses !== undefined, JSON.stringify(sockets));
  const facts = await ask('channelz', 'socket', socket);
  assert.equal(rowOf(facts, 0, 'Address:')[1], addresses);
  // The connections of both workers may have carried them.
  assert.ok(Number(rowOf(facts, 0, 'Streams Started:')[1]) > 0);
}

async function showsServers(ask: Ask, address: string): Promise<void> {
  const servers = await ask('channelz', 'servers');
  const [id, , calls] = rowOf(servers, 1, `[${address}]`);
  assert.equal(calls, `${CALLS}/${CALLS}/0`);
  const server = await ask('channelz', 'server', id);
  assert.equal(rowOf(server, 0, 'Listen Addresses:')[1], `[${address}]`);
  assert.ok(
    server.some(([, pair = '']) => pair.startsWith(`${address}->`)),
    JSON.stringify(server),
  );
}

function rowOf(table: Table, column: number, value: string): readonly string[] {
  const row = table.find((cells) => cells[column] === value);
  assert.ok(row !== undefined, `no row with ${value}: ${JSON.stringify(table)}`);
  return row;
}

/** Its output, in rows and columns: these are separated by three spaces or more. */
async function tableOf(program: string, args: readonly string[]): Promise<Table> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.equal(errors, '', `grpcdebug ${args.join(' ')}`);
  return output
    .split('\n')
    .map((line) => line.trim().split(/ {3,}/))
    .filter(([first]) => first !== '');
}
