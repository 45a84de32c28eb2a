// Runs the cases one after another and reports each to the server the page came from, through the proxy like all else.

import { bodyCases } from './cases/bodies.ts';
import { connectWebCases } from './cases/connect-web.ts';
import { crossOriginCases } from './cases/cross-origin.ts';
import { grpcWebPackageCases } from './cases/grpc-web-package.ts';
import { serverEventCases } from './cases/server-events.ts';
import { webPageCases } from './cases/web-pages.ts';
import { webSocketCases } from './cases/web-sockets.ts';
import { settings } from './other-side.ts';
import type { PageCase } from './page-case.ts';

const caseTimeoutMs = 20_000;

/** Reports that were not answered as they should be, told with the last one. */
const unanswered: string[] = [];

async function report(name: string, body: unknown): Promise<void> {
  const { status } = await fetch(`/report/${name}`, { method: 'POST', body: JSON.stringify(body) });
  if (status !== 204) unanswered.push(`a report of a ${name} was answered ${status}, not 204`);
}

async function reasonOf({ run }: PageCase): Promise<string> {
  let timer = 0;
  const late = new Promise<never>((_resolve, reject) => {
    timer = window.setTimeout(
      () => reject(new Error(`not finished after ${caseTimeoutMs} ms`)),
      caseTimeoutMs,
    );
  });
  try {
    await Promise.race([run(), late]);
    return '';
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    window.clearTimeout(timer);
  }
}

async function main(): Promise<void> {
  const { only, protocol, callsOrigin } = await settings();
  const all = [
    ...webPageCases(protocol),
    ...serverEventCases,
    ...webSocketCases(protocol),
    ...bodyCases,
    ...grpcWebPackageCases,
    ...connectWebCases,
    ...crossOriginCases(callsOrigin),
  ];
  const cases = all.filter(({ name }) => name.includes(only));
  await report('started', { cases: cases.length });
  for (const pageCase of cases) {
    const startedAt = performance.now();
    const reason = await reasonOf(pageCase);
    await report('case', {
      name: pageCase.name,
      reason,
      durationMs: Math.round(performance.now() - startedAt),
    });
  }
  await report('finished', { problems: unanswered });
}

window.addEventListener('error', ({ message }) => {
  report('problem', { text: message });
});
window.addEventListener('unhandledrejection', ({ reason }) => {
  report('problem', { text: String(reason) });
});
main();
