// Whom the page names when a call stands still, and what it says of a worker that was killed: the voice demo behind a whole proxy with two workers,
// as in test/seeing, which asks all others that show calls.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Metadata } from '../../../src/demo/grpc.ts';
import { FramegateProcess } from '../../interop/framegate-process.ts';
import { eventually, START_TIMEOUT_MS } from '../../support/eventually.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { freePort } from '../../support/free-port.ts';
import { connectVoiceClient, type TestVoiceClient } from '../../support/voice-client.ts';
import type { DashboardCase, DashboardContext } from './dashboard-case.ts';
import { ShownPage } from './shown-page.ts';

const NARRATE = '/voice.VoiceAssistant/Narrate';
const SAY = '/voice.VoiceAssistant/Say';
/** More than fits between the service and a client that reads nothing. */
const LONG_NARRATION = { text: 'word', repeat: 1000, audioBytes: 16_384 };
/** Bytes move all the time, and a megabyte takes ten seconds. */
const SLOW = { bytesPerSecond: 100_000, sliceBytes: 2000 };
const main = join(import.meta.dirname, '../../../src/main.ts');

export const blameCases: readonly DashboardCase[] = [
  { name: 'who holds up a call is named, and a worker that was killed is shown', run: namesWhoHoldsUp },
];

interface Scene {
  readonly shown: ShownPage;
  readonly client: TestVoiceClient;
  /** The process of the demo service. */
  readonly servicePid: number;
  /** The network between the client and the proxy. */
  readonly network: FaultProxy;
  readonly adminOrigin: string;
}

async function namesWhoHoldsUp(context: DashboardContext): Promise<void> {
  const scene = await startScene(context);
  await stalledClient(scene);
  await stalledService(scene);
  await slowNetwork(scene);
  await scene.shown.assertAccessible();
  await killedWorker(scene);
  await scene.shown.close();
}

async function startScene(context: DashboardContext): Promise<Scene> {
  const { folder, certificates, browser, after } = context;
  const service = await startService(after);
  const adminPort = await freePort();
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
      routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice' }],
      upstreams: { voice: { endpoints: [service.address] } },
      // So much can wait that it takes ten seconds through a slow network, while some of it moves all the time.
      limits: { streamWindow: '1MiB' },
      admin: { address: `127.0.0.1:${adminPort}` },
      drain: { timeout: '0s' },
    }),
    (child) => after(() => child.signal('SIGKILL')),
  );
  const targetPort = Number(framegate.plaintextAddress.split(':').at(-1));
  const network = await FaultProxy.start({ targetPort });
  after(() => network.close());
  const client = connectVoiceClient({ address: network.address });
  after(() => client.close());
  const adminOrigin = `http://127.0.0.1:${adminPort}`;
  const shown = await ShownPage.open(browser, adminOrigin);
  await shown.says('Takes calls');
  await shown.goTo('Calls');
  return { shown, client, servicePid: service.pid, network, adminOrigin };
}

async function startService(
  after: DashboardContext['after'],
): Promise<{ readonly pid: number; readonly address: string }> {
  const child = spawn(process.execPath, [main, 'demo', '--address', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  after(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    said += piece;
  });
  const address = await eventually(
    'the service listens',
    () => /listens on (\S+)/.exec(said)?.[1],
    START_TIMEOUT_MS,
  );
  return { pid: child.pid ?? 0, address };
}

/** Resolves when the page blames this side for the call, with such a sentence. */
async function blames({ shown }: Scene, method: string, by: string, sentence: RegExp): Promise<void> {
  const row = shown
    .section('Live calls')
    .getByRole('row')
    .filter({ has: shown.page.getByRole('button', { name: method, exact: true }) })
    .filter({ hasText: sentence });
  await row.locator('.holder-name').getByText(by, { exact: true }).waitFor();
}

function hasNoCall({ shown }: Scene): Promise<void> {
  return shown
    .section('Live calls')
    .getByRole('row')
    .filter({ hasText: 'voice.VoiceAssistant' })
    .first()
    .waitFor({
      state: 'detached',
    });
}

async function stalledClient(scene: Scene): Promise<void> {
  const call = scene.client.raw.narrate(LONG_NARRATION, new Metadata(), {});
  call.on('error', () => undefined);
  // It reads one word, and nothing more.
  call.once('data', () => call.pause());
  await blames(scene, NARRATE, 'client', /The client does not read: its flow-control window is empty/);
  call.cancel();
  await hasNoCall(scene);
}

async function stalledService(scene: Scene): Promise<void> {
  process.kill(scene.servicePid, 'SIGSTOP');
  const abort = new AbortController();
  const asked = scene.client.say({ text: 'anybody?' }, { signal: abort.signal, deadlineMs: 600_000 });
  try {
    await blames(scene, SAY, 'service', /The service has sent nothing/);
  } finally {
    abort.abort();
    await asked;
    process.kill(scene.servicePid, 'SIGCONT');
  }
  await hasNoCall(scene);
}

async function slowNetwork(scene: Scene): Promise<void> {
  const call = scene.client.raw.narrate(LONG_NARRATION, new Metadata(), {});
  call.on('error', () => undefined);
  let messages = 0;
  call.on('data', () => {
    messages++;
  });
  await eventually('it flows', () => messages > 0);
  scene.network.set(SLOW, 'toClient');
  await blames(scene, NARRATE, 'client', /reads slowly, or the network to it is slow|does not read/);
  call.cancel();
  scene.network.set({});
  await hasNoCall(scene);
}

async function killedWorker(scene: Scene): Promise<void> {
  const stream = scene.client.streamAudio();
  stream.send({ sequence: 1, audio: Buffer.alloc(10) });
  await stream.next();
  const { shown } = scene;
  const carrying = await eventually('a worker has the stream', async () => {
    const answer = await fetch(`${scene.adminOrigin}/api/config`);
    const state: unknown = await answer.json();
    return isState(state) && state.workers.find(({ streams }) => streams > 0);
  });
  await shown.goTo('Processes');
  const processes = shown.section('Processes');
  await processes.getByText(String(carrying.pid)).first().waitFor();
  process.kill(carrying.pid, 'SIGKILL');
  await processes.getByText('1 worker started again since the start').waitFor();
  const death = `^Worker ${carrying.worker} \\(pid ${carrying.pid}\\) died at [\\d:]+ by signal SIGKILL, and 1 call and 1 connection with it\\.$`;
  await processes.getByText(new RegExp(death)).waitFor();
  await processes
    .getByRole('row')
    .filter({ hasText: `pid ${carrying.pid}` })
    .waitFor({ state: 'detached' });
  await shown.goTo('Calls');
  await hasNoCall(scene);
  stream.cancel();
}

interface AdminState {
  readonly workers: readonly { readonly worker: number; readonly pid: number; readonly streams: number }[];
}

function isState(value: unknown): value is AdminState {
  return typeof value === 'object' && value !== null && 'workers' in value && Array.isArray(value.workers);
}
