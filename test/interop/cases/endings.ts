// Cases of calls that end early: cancelled, out of time, without their server, without a way to one.

import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../support/free-port.ts';
import type { InteropCase } from '../interop-case.ts';
import type { Workbench } from '../workbench.ts';

const tries = 10;
/** From the client's decision to the service's notice; the best of the tries counts, for the machine may be busy. */
const cancelLimitMs = 100;

async function cancelIsSeen(bench: Workbench, clientCase: string): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port);
  const client = bench.startClient(clientCase, framegate.tlsAddress, { tries });
  await bench.finish(client);
  const cancels = client.reports.filter(({ event }) => event === 'cancel');
  const delays: number[] = [];
  for (const { tag, at } of cancels) delays.push((await service.cancelledAt(String(tag))) - Number(at));
  checkCancelDelays(bench, delays);
}

export function checkCancelDelays(bench: Workbench, delays: readonly number[]): void {
  if (delays.length !== tries) throw new Error(`wanted ${tries} cancelled calls and got ${delays.length}`);
  const best = Math.min(...delays);
  const worst = Math.max(...delays);
  bench.remarks.push(`seen after ${best.toFixed(1)} ms at best, ${worst.toFixed(1)} ms at worst`);
  if (best >= cancelLimitMs) throw new Error(`the service saw no cancellation within ${cancelLimitMs} ms`);
}

async function deadlineIsExceeded(bench: Workbench, clientCase: string): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port);
  await bench.finish(bench.startClient(clientCase, framegate.tlsAddress));
  await service.cancelledAt('deadline');
  const left = await service.secondsLeft('deadline');
  if (left === undefined) return;
  bench.remarks.push(`the service had ${(left * 1000).toFixed(0)} of 400 ms left when it started`);
  if (left > 0.41) throw new Error(`the service was given ${left} s, more than the client's 0.4 s`);
}

async function serverIsKilled(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port);
  const client = bench.startClient('server_killed', framegate.tlsAddress);
  await client.event('running');
  await service.kill();
  client.command('killed');
  await client.event('down');
  await bench.startService({ port: service.port });
  client.command('restarted');
  await bench.finish(client);
}

async function withoutService(bench: Workbench): Promise<void> {
  const framegate = await bench.startFramegate(await freePort());
  await bench.finish(bench.startClient('server_not_running', framegate.tlsAddress));
}

async function withoutRoute(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port);
  await bench.finish(bench.startClient('no_route', framegate.tlsAddress));
}

async function wrongTransport(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port);
  const parameters = { wrong_target: framegate.plaintextAddress };
  await bench.finish(bench.startClient('wrong_transport', framegate.tlsAddress, parameters));
}

async function waitForReady(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const tlsPort = await freePort();
  const client = bench.startClient('wait_for_ready', `127.0.0.1:${tlsPort}`);
  await client.event('waiting');
  await sleep(1000);
  await bench.startFramegate(service.port, { tlsPort });
  await bench.finish(client);
}

async function retryUntilUpstream(bench: Workbench): Promise<void> {
  const port = await freePort();
  const framegate = await bench.startFramegate(port);
  const client = bench.startClient('retry_until_upstream', framegate.tlsAddress);
  await client.event('waiting');
  await sleep(1000);
  await bench.startService({ port });
  await bench.finish(client);
}

export const endings: readonly InteropCase[] = [
  { name: 'unary cancel is seen by the service', run: (bench) => cancelIsSeen(bench, 'cancel_unary') },
  { name: 'bidi cancel is seen by the service', run: (bench) => cancelIsSeen(bench, 'cancel_bidi') },
  { name: 'deadline exceeded', run: (bench) => deadlineIsExceeded(bench, 'deadline_exceeded') },
  { name: 'no route', run: withoutRoute },
];

export const asyncioEndings: readonly InteropCase[] = [
  { name: 'bidi cancel is seen by the service', run: (bench) => cancelIsSeen(bench, 'asyncio_cancel_bidi') },
  { name: 'deadline exceeded', run: (bench) => deadlineIsExceeded(bench, 'asyncio_deadline_exceeded') },
];

export const outages: readonly InteropCase[] = [
  { name: 'server killed in the middle of streams, and back again', run: serverIsKilled },
  { name: 'server not running', run: withoutService },
  { name: 'cleartext client on the TLS port, TLS client on the cleartext port', run: wrongTransport },
  { name: 'wait_for_ready until the proxy is there', run: waitForReady },
  { name: "gRPC's retry policy until the upstream is there", run: retryUntilUpstream },
];
