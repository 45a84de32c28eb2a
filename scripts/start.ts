// `npm start`: turns a fresh checkout into a running proxy with a service behind it, and proves it by one real call.
// Every step prints what it does, and the proxy's own log is shown too, as text on a terminal.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generateCertificates } from '../certs/generate.ts';
import type { Config } from '../src/config/config.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { formatProblem } from '../src/config/problem.ts';
import { defaultDemoAddress } from '../src/demo/demo-service.ts';
import { credentials, Metadata, status } from '../src/demo/grpc.ts';
import { isSomethingListening } from '../src/demo/listen-probe.ts';
import type { SayReply } from '../src/demo/voice-messages.ts';
import { createVoiceClient } from '../src/demo/voice-proto.ts';
import { clientLines } from './client-lines.ts';
import { type ProxyProcess, startProxyProcess } from './proxy-process.ts';
import { type ReachableAddresses, reachableAddresses } from './reachable-addresses.ts';

const root = join(import.meta.dirname, '..');
const configName = 'config.example.yaml';
const readyTimeoutMs = 30_000;

try {
  process.exitCode = await start();
} catch (error) {
  console.error(`start: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function start(): Promise<number> {
  // The paths of the configuration and of the client lines are relative to the project.
  process.chdir(root);
  await build();
  const certificates = await generateCertificates('certs');
  say(
    certificates.isCreated
      ? `made development certificates: ${certificates.certFile}, signed by ${certificates.caFile}`
      : `use the certificate ${certificates.certFile}`,
  );
  const addresses = reachableAddresses(load());
  if (addresses.admin !== undefined && (await isSomethingListening(addresses.admin))) {
    throw new Error(`${addresses.admin} is in use; perhaps another Framegate is running. Stop it first.`);
  }
  say(
    (await isSomethingListening(defaultDemoAddress))
      ? `something listens on ${defaultDemoAddress} already; it is used instead of the demo service`
      : `the demo service will listen on ${defaultDemoAddress}`,
  );

  say(`start the proxy: framegate serve -c ${configName} --demo`);
  const proxy = startProxyProcess(['dist/main.js', 'serve', '-c', configName, '--demo']);
  const isReady = await waitUntilReady(addresses, proxy);
  // If the proxy has ended, it has printed the reason.
  if (!proxy.isRunning()) return (await proxy.exited) || 1;
  if (!isReady) return giveUp(proxy, `the proxy was not ready within ${readyTimeoutMs / 1000} s`);
  say('the proxy is ready');
  const failure = await proveByOneCall(addresses, certificates.caFile);
  if (failure !== undefined && proxy.isRunning()) return giveUp(proxy, failure);
  if (proxy.isRunning()) console.log(clientLines(addresses, certificates.caFile));
  return proxy.exited;
}

function say(line: string): void {
  console.log(`start: ${line}`);
}

async function build(): Promise<void> {
  say('build dist/ (tsc -p tsconfig.build.json)');
  const compiler = spawn(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
  const [exitCode] = await once(compiler, 'exit');
  if (exitCode !== 0) throw new Error('the build failed; tsc has said why above');
}

function load(): Config {
  const loaded = loadConfig(configName);
  if ('problems' in loaded) {
    throw new Error(`${configName} cannot be used:\n${loaded.problems.map(formatProblem).join('\n')}`);
  }
  return loaded.config;
}

async function waitUntilReady(addresses: ReachableAddresses, proxy: ProxyProcess): Promise<boolean> {
  const { admin, tls, cleartext } = addresses;
  const until = Date.now() + readyTimeoutMs;
  while (proxy.isRunning() && Date.now() < until) {
    if (
      admin !== undefined ? await answersReady(admin) : await isSomethingListening(tls ?? cleartext ?? '')
    ) {
      return true;
    }
    await delay(50);
  }
  return false;
}

async function answersReady(admin: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${admin}/ready`, { signal: AbortSignal.timeout(2000) });
    return response.ok;
  } catch {
    return false;
  }
}

/** Resolves to what went wrong, or to undefined if nothing did. */
async function proveByOneCall({ tls }: ReachableAddresses, caFile: string): Promise<string | undefined> {
  if (tls === undefined || !existsSync(caFile)) {
    say(
      `no call is made to prove it, because ${tls === undefined ? 'no listener has TLS' : `there is no ${caFile}`}`,
    );
    return undefined;
  }
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const client = createVoiceClient(tls, credentials.createSsl(readFileSync(caFile)));
  const startedAtMs = performance.now();
  client.say({ text: 'hello' }, new Metadata(), { deadline: Date.now() + 10_000 }, (error, reply) => {
    const call = `voice.VoiceAssistant/Say over TLS through ${tls}`;
    if (error === null) {
      say(`${call}: ${describe(reply)} (${(performance.now() - startedAtMs).toFixed(1)} ms)`);
      resolve(undefined);
    } else if (error.code === status.UNIMPLEMENTED) {
      say(`${call}: the service on ${defaultDemoAddress} has no such method, so it is not the demo service`);
      resolve(undefined);
    } else {
      resolve(`${call} failed: ${error.message}`);
    }
  });
  const failure = await promise;
  client.close();
  return failure;
}

function describe(reply: SayReply | undefined): string {
  return reply === undefined ? 'no reply' : `"${reply.text}", served by ${reply.servedBy}`;
}

async function giveUp(proxy: ProxyProcess, reason: string): Promise<number> {
  console.error(`start: ${reason}`);
  proxy.stop();
  await proxy.exited;
  return 1;
}
