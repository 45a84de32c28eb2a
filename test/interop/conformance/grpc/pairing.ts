// A client of one language and a server of another with Framegate between them, TLS in and cleartext HTTP/2 out, and the cases
// they run. Framegate and the server are started once for all of a pairing's cases.

import type { CaseReport, ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { allTo, startBetween } from '../framegate-between.ts';
import { type InteropCaseName, soakIterations } from './cases.ts';
import type { TestServer } from './test-server.ts';

export interface ClientSetup {
  readonly tlsPort: number;
  readonly caFile: string;
  readonly folder: string;
  readonly soakIterations: number;
  /** For what a client keeps running from case to case. */
  readonly onStop: (stop: () => Promise<void>) => void;
}

/** Rejects when the case is not as it should be. */
export type RunCase = (name: InteropCaseName) => Promise<void>;

export interface Pairing {
  readonly name: string;
  readonly startServer: () => Promise<TestServer>;
  readonly client: (setup: ClientSetup) => RunCase;
  readonly cases: readonly InteropCaseName[];
}

export function pairingSuite(pairing: Pairing): ConformanceSuite {
  return {
    name: pairing.name,
    prints: 'failures',
    run: (setup, report) => runPairing(pairing, setup, report),
  };
}

async function runPairing(pairing: Pairing, setup: ConformanceSetup, report: CaseReport): Promise<void> {
  const server = await pairing.startServer();
  const stops: (() => Promise<void>)[] = [];
  try {
    const between = await startBetween(setup, { routes: allTo(server.port) });
    try {
      const run = pairing.client({
        tlsPort: between.tlsPort,
        caFile: setup.certificates.caFile,
        folder: setup.folder,
        soakIterations: setup.isFull ? soakIterations.full : soakIterations.short,
        onStop: (stop) => stops.push(stop),
      });
      for (const name of pairing.cases) await report.run(name, () => run(name));
    } finally {
      for (const stop of stops) await stop();
      const problems = await between.stop();
      if (problems.length > 0) report.failed('Framegate after all of them', problems.join('\n'));
    }
  } finally {
    await server.stop();
  }
}
