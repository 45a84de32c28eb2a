// Totals of a proxy in which nothing has happened, but for what a test says.

import type { DashboardTotals } from '../../src/admin/dashboard-figures.ts';

export function totalsAt(atEpochMs: number, others: Partial<DashboardTotals> = {}): DashboardTotals {
  return {
    atEpochMs,
    started: 0,
    inFlight: 0,
    ok: 0,
    cancelled: 0,
    clientFault: 0,
    failed: 0,
    requestBytes: 0,
    responseBytes: 0,
    requestMessages: 0,
    responseMessages: 0,
    refusedClients: 0,
    connections: 0,
    durations: [],
    firstMessages: [],
    cpuSeconds: 0,
    memoryBytes: 0,
    eventLoopDelayP99Ms: 0,
    ...others,
  };
}
