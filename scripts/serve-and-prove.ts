// What `npm start` does after the build: it finds free ports, makes certificates, runs the demo service and the proxy, makes one call
// through both, and prints clients. Paths are relative to the working directory.

import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { generateCertificates } from '../certs/generate.ts';
import type { Config } from '../src/config/config.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { formatProblem } from '../src/config/problem.ts';
import { visibleText } from '../src/config/visible-text.ts';
import { type DemoService, defaultDemoAddress, startDemoService } from '../src/demo/demo-service.ts';
import { isSomethingListening } from '../src/demo/listen-probe.ts';
import { clientLines } from './client-lines.ts';
import { answersAsVoiceService, proveByOneCall } from './proving-call.ts';
import { ProxyLog } from './proxy-log.ts';
import { type ProxyProcess, startProxyProcess } from './proxy-process.ts';
import { type ReachableAddresses, reachableAddresses } from './reachable-addresses.ts';
import { settlePorts } from './settled-ports.ts';

const readyTimeoutMs = 30_000;

export interface StartParts {
  /** The configuration. */
  readonly file: string;
  /** The entry of the proxy. */
  readonly mainFile: string;
  /** The port for the first listener with TLS, if a person asked for one. */
  readonly port: number | undefined;
  /** Where the demo service is expected by the configuration. */
  readonly demoAddress?: string;
}

/** @returns the exit code, when the proxy has ended */
export async function serveAndProve(parts: StartParts): Promise<number> {
  const { demoAddress = defaultDemoAddress } = parts;
  const certificates = await generateCertificates('certs');
  say(
    certificates.isCreated
      ? `made development certificates: ${certificates.certFile}, signed by ${certificates.caFile}`
      : `uses the certificate ${certificates.certFile}`,
  );
  const release = endOnSignals();
  const hasService = await answersAsVoiceService(demoAddress);
  const settled = await settlePorts(load(parts.file), { ...parts, demoAddress, hasService });
  let demo: DemoService | undefined;
  try {
    for (const line of settled.lines) say(line);
    if (hasService) say(`uses the service that answers on ${demoAddress} already, not the demo service`);
    else demo = await startDemo(settled.demoAddress);
    return await runProxy(parts.mainFile, {
      file: settled.file,
      caFile: certificates.caFile,
      service: settled.demoAddress,
      release,
    });
  } finally {
    release();
    demo?.forceClose();
    settled.remove();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Before the proxy runs, a signal ends this process by way of its `exit` event, which removes the copy. @returns what undoes it */
function endOnSignals(): () => void {
  for (const signal of SIGNALS) process.on(signal, endBy);
  return () => {
    for (const signal of SIGNALS) process.off(signal, endBy);
  };
}

function endBy(signal: NodeJS.Signals): void {
  process.exit(128 + constants.signals[signal]);
}

/** A line may hold text of another program, such as its name. */
export function say(line: string): void {
  console.log(`start: ${visibleText(line)}`);
}

function load(file: string): Config {
  const loaded = loadConfig(file);
  if ('problems' in loaded) {
    throw new Error(`${file} cannot be used:\n${loaded.problems.map(formatProblem).join('\n')}`);
  }
  return loaded.config;
}

async function startDemo(address: string): Promise<DemoService> {
  const demo = await startDemoService({ address });
  say(`runs the demo service on ${demo.address}`);
  return demo;
}

interface Run {
  readonly file: string;
  readonly caFile: string;
  /** The address of the service behind the proxy. */
  readonly service: string;
  /** Called once the proxy gets the signals. */
  readonly release: () => void;
}

async function runProxy(mainFile: string, { file, caFile, service, release }: Run): Promise<number> {
  const addresses = reachableAddresses(load(file));
  say(`runs the proxy: framegate serve -c ${file}`);
  const proxy = startProxyProcess([mainFile, 'serve', '-c', file]);
  release();
  const log = new ProxyLog(proxy.output);
  const isReady = await waitUntilReady(addresses, proxy);
  const failure = isReady
    ? await proveByOneCall(addresses.tls, { caFile, service, say })
    : `the proxy was not ready within ${readyTimeoutMs / 1000} s; its log above says how far it came`;
  if (failure === undefined && proxy.isRunning()) {
    console.log(clientLines(addresses, { caFile, service }));
    log.open();
    return proxy.exited;
  }
  log.release();
  // If the proxy has ended, it has printed the reason.
  if (!proxy.isRunning()) return (await proxy.exited) || 1;
  console.error(`start: ${failure}`);
  proxy.stop();
  await proxy.exited;
  return 1;
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
